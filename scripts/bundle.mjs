/**
 * Bundles the command (lib/cli/main.ts) into one CommonJS file, dist/cli/tsrun.cjs: loading fifty small modules
 * would cost more than a container. What is compiled on install (ffi-napi, ref-napi) stays outside.
 */
import { chmodSync, renameSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const output = join(root, 'dist', 'cli', 'tsrun.cjs')
const temporary = `${output}.${process.pid}`

await build({
  entryPoints: [join(root, 'lib', 'cli', 'main.ts')],
  outfile: temporary,
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  external: ['ffi-napi', 'ref-napi'],
  // Without its native add-on, which costs more to load than it saves on a plan of a few kilobytes.
  alias: { 'cbor-x': join(root, 'node_modules', 'cbor-x', 'index.js') },
  // The bundle lies as deep below the package as the modules do, so that relative URLs keep their meaning.
  define: { 'import.meta.url': 'bundleUrl' },
  banner: { js: "#!/usr/bin/env node\nconst bundleUrl = require('node:url').pathToFileURL(__filename).href;" },
  logLevel: 'warning',
})
chmodSync(temporary, 0o755)
renameSync(temporary, output)
