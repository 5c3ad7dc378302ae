// The server as the settings have it, for the commands that start one.
import { STANDARD_LIMITS, type AccessKind } from '../api/access.ts';
import { openCatalog } from '../catalog.ts';
import { diskGauge } from '../disk-usage.ts';
import { packagePath } from '../package-root.ts';
import { startServer } from '../server.ts';
import { diskQuotaBytes, errandsAtOnce, hubAccess, leaseTimes, requestsPerMinute, rootFolders } from '../settings.ts';
import type { Database } from '../store/database.ts';

/** Serves the API and the page on an open database, and does errands. Throws InputError for a setting that is none. */
export async function startConfiguredServer(
  address: { readonly host: string; readonly port: number },
  database: Database,
  home: string,
  access: AccessKind,
): ReturnType<typeof startServer> {
  const hub = hubAccess();
  return startServer(
    { ...address, errands: { home, hub, atOnce: errandsAtOnce(), leaseMs: leaseTimes().leaseMs } },
    {
      ...{ database, access, webFolder: packagePath('dist', 'web') },
      catalog: openCatalog(home, hub, rootFolders(home)),
      limits: { ...STANDARD_LIMITS, perToken: requestsPerMinute(STANDARD_LIMITS.perToken) },
      disk: diskGauge(home, diskQuotaBytes()),
    },
  );
}
