/**
 * Bundles the command for the standalone executable: what is imported of Node is taken from lib/quickjs.
 */
import { constants } from 'node:os'
import { join } from 'node:path'
import { getSystemErrorMap } from 'node:util'
import { build } from 'esbuild'

/** By the file in lib/quickjs. */
const NODE_MODULES = {
  'node:fs': 'node-fs',
  'node:fs/promises': 'node-fs-promises',
  'node:os': 'node-os',
  'node:path': 'node-path',
  'node:util': 'node-format',
  'node:url': 'node-module',
  'node:module': 'node-module',
  'node:child_process': 'node-child-process',
  'node:tty': 'node-tty',
  'node:net': 'node-net',
  'node:crypto': 'node-crypto',
  // For the package debug.
  tty: 'node-tty',
  util: 'node-format',
}

/** What no command of the executable needs; parts of the library that do are in it, and fail with a clear error if they are called. */
const ABSENT = /^node:(http|https|tls|zlib|stream|stream\/promises|worker_threads|dns|dgram)$/

/** Every member of it throws when it is called for, also in the copy of its members that esbuild makes: that has the same prototype. */
const absentModule = name => `
const refuse = () => { throw new Error('${name} is not in the standalone executable of tsrun') }
module.exports = Object.create(new Proxy({}, { get: (_, key) => key === '__esModule' ? true : refuse() }))`

/** Files of lib that are other ones in the executable. */
const REPLACED = {
  ffi: 'native-calls',
  'native-part': 'built-in',
  verify: 'helper-verifies',
  watch: 'loop-watch',
  witness: 'loop-watch',
  'image-library': 'no-images',
}

/** What the executable refuses, and says who has it. */
const NODE_ONLY = /\/(image|volume|sandbox|doctor|build|snapshot)(?:-command)?\.js$/

const nodeOnly = folder => ({
  name: 'node-only',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: NODE_ONLY }, ({ path, importer }) =>
      importer.endsWith('/lib/cli/commands/index.ts')
        ? { path: NODE_ONLY.exec(path)[1], namespace: 'node-only' }
        : undefined,
    )
    // For `run --image`.
    onLoad({ filter: /.*/, namespace: 'node-only' }, ({ path }) => ({
      contents: `import { nodeOnly } from './node-only.ts'; export const command = nodeOnly(${JSON.stringify(path)})`,
      resolveDir: folder,
      loader: 'ts',
    }))
  },
})

const seam = folder => ({
  name: 'seam',
  setup({ onResolve, onLoad }) {
    const path = name => ({ path: join(folder, `${name}.ts`) })
    onResolve({ filter: /^(node:.*|tty|util)$/ }, ({ path: name }) => {
      if (NODE_MODULES[name] === undefined && ABSENT.test(name)) return { path: name, namespace: 'absent' }
      if (NODE_MODULES[name] === undefined) throw new Error(`lib/quickjs has no ${name}`)
      return path(NODE_MODULES[name])
    })
    onLoad({ filter: /.*/, namespace: 'absent' }, ({ path: name }) => ({ contents: absentModule(name) }))
    // As the others: esbuild adds "use strict" to files that it has found by itself, and one that is found in both ways has it or not.
    onResolve({ filter: /^\.\/[a-z-]+\.[jt]s$/ }, ({ path: name, resolveDir }) =>
      resolveDir === folder ? path(/[a-z-]+/.exec(name)[0]) : undefined,
    )
    // Which debug does without.
    onResolve({ filter: /^supports-color$/ }, () => ({ path: 'nothing', namespace: 'nothing' }))
    onLoad({ filter: /.*/, namespace: 'nothing' }, () => ({ contents: '' }))
    onResolve({ filter: /\/(ffi|native-part|plan\/verify|watch|witness|image-library)\.js$/ }, ({ path: name }) =>
      path(REPLACED[/([a-z-]+)\.js$/.exec(name)[1]]),
    )
  },
})

const systemTables = () => ({
  errno: constants.errno,
  signals: constants.signals,
  errors: [...getSystemErrorMap()].map(([errno, [name, message]]) => [errno, name, message]),
})

/**
 * The script that `entry` becomes, whose value is what `entry` exports as `nextCall`; the files in it; and what will not work in it, such
 * as members that lib/quickjs does not have.
 * @throws {Error} for an imported name that lib/quickjs does not have
 */
export async function bundleFor({ root, entry, version, commit }) {
  const { outputFiles, metafile, warnings } = await build({
    entryPoints: [entry],
    // Names of modules are relative to it.
    absWorkingDir: root,
    bundle: true,
    write: false,
    metafile: true,
    logLevel: 'silent',
    format: 'iife',
    globalName: 'tsrun',
    footer: { js: 'tsrun.nextCall' },
    platform: 'neutral',
    mainFields: ['main', 'module'],
    target: 'es2023',
    charset: 'ascii',
    legalComments: 'none',
    define: {
      'process.env.TSRUN_COMMIT': JSON.stringify(commit),
      'import.meta.url': 'undefined',
      TSRUN_PACKAGE_VERSION: JSON.stringify(version),
      TSRUN_SYSTEM_TABLES: JSON.stringify(systemTables()),
    },
    alias: {
      'cbor-x': join(root, 'node_modules', 'cbor-x', 'index.js'),
      debug: join(root, 'node_modules/debug/src/node.js'),
    },
    plugins: [nodeOnly(join(root, 'lib', 'quickjs')), seam(join(root, 'lib', 'quickjs'))],
  })
  return {
    text: outputFiles[0].text,
    inputs: Object.keys(metafile.inputs),
    warnings: warnings.map(({ text, location }) => `${location?.file}:${location?.line}: ${text}`),
  }
}
