/**
 * Bundles the command: lib/cli/main.ts with all that it needs becomes one script, dist/cli/program-HASH.js (and whole-HASH.js), which
 * dist/cli/tsrun.cjs (lib/cli/entry.ts) runs. Loading a hundred small modules would cost more than a container. What is
 * compiled (the add-ons of ffi-napi and ref-napi) stays outside.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { writeCodeCache } from './code-cache.mjs'
import { calledIn } from './functions.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const output = join(root, 'dist', 'cli')
const bundled = name => join(root, 'scripts', 'bundled', `${name}.cjs`)

/** Where npm puts the add-on of each package, and else how it is found: by way of the packages that depend on it. */
const addOns = {
  'ffi-napi': { usual: ['ffi-napi'], chain: ['ffi-napi'], file: 'build/Release/ffi_bindings.node' },
  'ref-napi': {
    usual: ['ffi-napi/node_modules/@2060.io/ref-napi', '@2060.io/ref-napi'],
    chain: ['ffi-napi', '@2060.io/ref-napi'],
    file: 'build/Release/binding.node',
  },
}

/**
 * What node-gyp-build finds by reading directories, with node-gyp-build itself for what lies elsewhere. To have Node resolve the names
 * and the paths takes a millisecond: it reads several package.json.
 */
const addOnModule = ({ usual, chain, file }) => `
const { existsSync } = require('node:fs')
const load = path => {
  const module = { exports: {} }
  process.dlopen(module, path)
  return module.exports
}
const addOnIn = folder => {
  const compiled = [${JSON.stringify(file)}, 'prebuilds/linux-' + process.arch + '/node.napi.node']
  return compiled.map(name => folder + '/' + name).find(existsSync)
}
const resolved = () => {
  const { createRequire } = require('node:module')
  const owner = ${JSON.stringify(chain)}.reduce((from, name) => createRequire(from).resolve(name + '/package.json'), bundleName)
  const folder = owner.slice(0, owner.lastIndexOf('/'))
  const found = addOnIn(folder)
  return found === undefined ? createRequire(owner)('node-gyp-build')(folder) : load(found)
}
module.exports = () => {
  const modules = bundleName.split('/').slice(0, -3).join('/') + '/node_modules/'
  const found = ${JSON.stringify(usual)}.map(name => addOnIn(modules + name)).find(path => path !== undefined)
  return found === undefined ? resolved() : load(found)
}`

const ffi = {
  name: 'ffi',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\/ffi-package\.js$/ }, () => ({ path: bundled('ffi-package') }))
    onResolve({ filter: /^add-on:/ }, ({ path }) => ({ path: path.slice('add-on:'.length), namespace: 'add-on' }))
    onLoad({ filter: /.*/, namespace: 'add-on' }, ({ path }) => ({
      contents: addOnModule(addOns[path]),
      resolveDir: root,
    }))
  },
}

const laterModule = {
  name: 'later-module',
  setup({ onResolve }) {
    onResolve({ filter: /^node:module$/ }, ({ importer, namespace }) =>
      namespace === 'add-on' || importer === bundled('later-module')
        ? { path: 'node:module', external: true }
        : { path: bundled('later-module') },
    )
  },
}

/**
 * `import { type A, b as c } from 'x'` with b called when it is needed: x runs with the first call. A class is imported at once. The same of
 * an `export`, of functions and types.
 */
function later(word, names, path) {
  const words = names.split(',').map(name => name.trim())
  const types = words.filter(name => name.startsWith('type ')).map(name => name.slice('type '.length))
  const values = words.filter(name => name !== '' && !name.startsWith('type '))
  const classes = values.filter(name => /^[A-Z]/.test(name))
  const functions = values.filter(name => !classes.includes(name))
  // To ask for it copies the names of all that it exports.
  const module = `later${path.replace(/\W/g, '_')}`
  const calls = functions.map(name => {
    const [exported, local = exported] = name.split(' as ')
    // Classes too: an arrow function can't be called with `new`.
    const call = `const it = (${module} ??= require('${path}')).${exported}; return new.target ? new it(...given) : it(...given)`
    return `${word === 'export' ? 'export ' : ''}function ${local}(...given) { ${call} }`
  })
  // `import { type A }` would stay as an import of the file.
  const atOnce = classes.length === 0 ? '' : `import { ${classes.join(', ')} } from '${path}'; `
  return `${word} type { ${types.join(', ')} } from '${path}'; ${atOnce}let ${module}; ${calls.join('; ')}`
}

/** In these files: what a container or a runtime is asked for, what is set up in its network, cgroups other than to look at them. */
const LATER_IN =
  /\/lib\/(index|runtime|container|prepared|exec-process|operations\/(?:container-network|create-network|sweep)|cgroup\/(?:index|cgroup|systemd\/unit))\.ts$/
/** And of these. */
const LATER_OF = [
  './(operations/[a-z-]+|launch/layered|delete|features|run|plan|prepared|config/example|diff/diff-upper|timeline-svg)',
  '../(network-devices/[a-z-]+|sys/(inet|ip-address|netlink))',
  './(apply|delegated|kill|make|oom|owner|remove|stats/[a-z-]+|sub-cgroups|update|systemd/scope|scope|unit-properties)',
  '../(make|resources)',
  '../../sys/placeholder',
]
const LATER = new RegExp(
  `^(import|export) \\{([^}]*)\\} from '((?:${LATER_OF.join('|').replaceAll('.', '\\.')})\\.js)'$`,
  'gm',
)

/**
 * The library imports what it is made of at once, so that an upgrade of the package does not matter to a process that runs. The
 * command is one file and a new process for each call: there the parts of the operations run when they are called.
 */
const operations = {
  name: 'operations',
  setup({ onLoad }) {
    onLoad({ filter: LATER_IN }, ({ path }) => ({
      loader: 'ts',
      contents: readFileSync(path, 'utf8').replaceAll(LATER, (_, word, names, file) => later(word, names, file)),
    }))
  },
}

/** The parts of the library that few commands need (lib/cli/image-library.ts, sandbox-library.ts) are in the whole program only. */
const withoutImages = {
  name: 'without-images',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\/(image|sandbox)-library\.js$/ }, () => ({ path: 'images', namespace: 'without' }))
    onLoad({ filter: /.*/, namespace: 'without' }, () => ({
      contents: "throw new Error('the entry has chosen the wrong program: report it')",
    }))
  },
}

const common = {
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  write: false,
  logLevel: 'warning',
}

/** The commit that it is built from, with what packagers do to it; "" outside of a clone. */
function commit() {
  if (process.env.TSRUN_COMMIT) return process.env.TSRUN_COMMIT
  if (!existsSync(join(root, '.git'))) return ''
  const { stdout, status } = spawnSync('git', ['rev-parse', '--short=12', 'HEAD'], { cwd: root, encoding: 'utf8' })
  return status === 0 ? stdout.trim() : ''
}

async function bundleProgram({ isWhole }) {
  const { outputFiles, metafile } = await build({
    ...common,
    entryPoints: [join(root, 'lib', 'cli', 'main.ts')],
    metafile: true,
    minifyWhitespace: true,
    minifySyntax: true,
    // One byte per character, and a function that the entry calls.
    charset: 'ascii',
    banner: {
      js: "(function (require, bundleName, __dirname) { const bundle = { get url() { return require('node:url').pathToFileURL(bundleName).href } };",
    },
    footer: { js: '})' },
    define: { 'import.meta.url': 'bundle.url', 'process.env.TSRUN_COMMIT': JSON.stringify(commit()) },
    // Without its native add-on, which costs more to load than it saves on a plan of a few kilobytes.
    alias: { 'cbor-x': join(root, 'node_modules', 'cbor-x', 'index.js') },
    plugins: [ffi, laterModule, operations, ...(isWhole ? [] : [withoutImages])],
    legalComments: 'none',
  })
  return { contents: outputFiles[0].contents, inputs: Object.keys(metafile.inputs) }
}

/**
 * For a shell, which the file is a script of as well: it notes the soft limit of open files, which Node raises when it starts, for the
 * containers (lib/host/open-files.ts), and asks for one thread of V8: Node waits for ever for threads that can't be made. The
 * process beside the shell's own makes it fail at once if there is not even room for that.
 */
const LAUNCHER = `#!/bin/sh
':' //; TSRUN_OPEN_FILES=$(ulimit -Sn & wait) && export TSRUN_OPEN_FILES && exec node --v8-pool-size=1 "$0" "$@"; exit`

async function bundleEntry({ program, whole }) {
  const { outputFiles } = await build({
    ...common,
    entryPoints: [join(root, 'lib', 'cli', 'entry.ts')],
    define: {
      'import.meta.dirname': '__dirname',
      'process.env.TSRUN_PROGRAM': JSON.stringify(program),
      'process.env.TSRUN_WHOLE_PROGRAM': JSON.stringify(whole),
    },
    banner: { js: LAUNCHER },
  })
  return outputFiles[0].contents
}

/** The licences of the packages in the bundle ask to go with it. */
function licences(inputs) {
  const folders = inputs.map(path => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]).filter(Boolean)
  const files = [...new Set(folders)].sort().map(folder => {
    const name = readdirSync(folder).find(file => /^licen[cs]e/i.test(file))
    if (name === undefined) throw new Error(`${folder} has no licence file`)
    return `${folder}\n\n${readFileSync(join(folder, name), 'utf8').trim()}\n`
  })
  return files.join(`\n${'-'.repeat(80)}\n\n`)
}

function replace(name, contents, mode = 0o644) {
  const temporary = join(output, `${name}.${process.pid}`)
  writeFileSync(temporary, contents)
  chmodSync(temporary, mode)
  renameSync(temporary, join(output, name))
}

process.chdir(root)
const nameOf = (kind, contents) => `${kind}-${createHash('sha256').update(contents).digest('hex').slice(0, 16)}`
const bundles = () => readdirSync(output).filter(name => /^(program|whole)-/.test(name))
const [small, large] = [await bundleProgram({ isWhole: false }), await bundleProgram({ isWhole: true })]
const [program, whole] = [nameOf('program', small.contents), nameOf('whole', large.contents)]
mkdirSync(output, { recursive: true })
replace(`${program}.js`, small.contents)
replace(`${program}.js.calls`, JSON.stringify(calledIn(Buffer.from(small.contents).toString('latin1'))))
replace(`${whole}.js`, large.contents)
replace('LICENSES.txt', licences(large.inputs))
writeCodeCache()
// The entry last: until then the old one finds its old programs.
replace('tsrun.cjs', await bundleEntry({ program, whole }), 0o755)
const isOld = name => !name.startsWith(`${program}.`) && !name.startsWith(`${whole}.`)
for (const name of bundles().filter(isOld)) rmSync(join(output, name), { force: true })
