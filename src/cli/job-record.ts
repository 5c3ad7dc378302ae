// The record of a job for commands that repeat its steps: its manifest, from the server or from a file.
import { existsSync } from 'node:fs';
import { parseRecord, type JobRecord } from '../../jobs/record.ts';
import { ApiError, connect } from './api-client.ts';
import { readJsonDocument } from './json-document.ts';

/** The record of a job by its id, or of a manifest's file. Throws InputError, DataError, ApiError. */
export async function readJobRecord(name: string, url: string | undefined): Promise<JobRecord> {
  if (isManifestFile(name)) return parseRecord(await readJsonDocument(name), name);
  const manifest = await connect(url).manifest(name);
  return parseRecord(manifest, `the manifest of job ${name}`);
}

/** Whether a job is given by the file of its manifest. */
export function isManifestFile(name: string): boolean {
  return /\.json$/.test(name) || existsSync(name);
}

/** The same, or undefined for a job that no worker has begun. */
export async function findJobRecord(name: string, url: string | undefined): Promise<JobRecord | undefined> {
  try {
    return await readJobRecord(name, url);
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404)) throw error;
    await connect(url).job(name); // there is no such job, or no manifest yet
    return undefined;
  }
}
