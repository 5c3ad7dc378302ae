// Builds the page: src/web → dist/web, which the API serves at `/`. Relative addresses, so that it also works under a proxy's prefix.
import { defineConfig } from 'vite';
import { packagePath } from './src/package-root.ts';

export default defineConfig({
  root: packagePath('src', 'web'),
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: packagePath('dist', 'web'),
    emptyOutDir: true,
    target: 'es2022',
    // Nothing is inlined and nothing is injected, so that a strict content security policy needs no exception.
    assetsInlineLimit: 0,
    modulePreload: false,
  },
  server: { proxy: { '/v1': 'http://127.0.0.1:8642' } },
});
