/**
 * Compiles what the package carries, so that an install needs no compiler: the native parts, into prebuilds/linux-PROCESSOR/, and
 * the add-ons of ffi-napi and ref-napi, into the folders in which these packages look for them (node-gyp-build). What is linked
 * dynamically names no library and no version of a symbol: it takes what Node has loaded, from glibc or from musl
 * (docs/decisions/2026-11-21-compiled-for-glibc-and-musl.md). The same sources and compilers give the same bytes.
 */
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { abiOf } from './abi.mjs'
import { BuildFailure, flagsOf, PROCESSORS, parts, prebuiltFolder, root, sourcesOf, unitsOf } from './native-parts.mjs'

export const COMPILERS = {
  x64: { prefix: 'x86_64-linux-gnu-', packages: 'gcc-x86-64-linux-gnu g++-x86-64-linux-gnu' },
  arm64: { prefix: 'aarch64-linux-gnu-', packages: 'gcc-aarch64-linux-gnu g++-aarch64-linux-gnu' },
}

export const modules = join(root, 'node_modules')
const libffi = join(modules, 'ffi-napi', 'deps', 'libffi')
const own = name => join(root, 'scripts', 'prebuilt', name)

/** Where the add-on of each package is wanted: ffi-napi has a ref-napi of its own. */
export const ADD_ONS = [
  { folders: ['ffi-napi'], units: ['ffi', 'callback_info', 'threaded_callback_invokation'], libffi: true },
  { folders: ['ref-napi', '@2060.io/ref-napi'], units: ['binding'], libffi: false },
]

/** What libffi is made of (its libffi.gyp). */
const LIBFFI = ['prep_cif.c', 'types.c', 'raw_api.c', 'java_raw_api.c', 'closures.c']
const LIBFFI_OF = {
  x64: ['x86/ffi64.c', 'x86/ffiw64.c', 'x86/unix64.S', 'x86/win64.S'],
  arm64: ['aarch64/ffi.c', 'aarch64/sysv.S'],
}

/** No path of this machine in what is made, and nothing that differs from one time to the next. */
const REPRODUCIBLE = ['-g0', '-s', `-ffile-prefix-map=${root}=.`, '-Wl,--build-id=none']
/** Functions that only glibc has, and calls to a library that somebody's libc may not have. */
const ANY_LIBC = ['-nodefaultlibs', '-U_FORTIFY_SOURCE', '-D_FORTIFY_SOURCE=0']
const OF_PROCESSOR = { x64: [], arm64: ['-mno-outline-atomics'] }
const ADD_ON = ['-Os', '-fPIC', '-fvisibility=hidden', '-ffunction-sections', '-fdata-sections', '-w']
const LINKED = [
  '-shared',
  '-Wl,--gc-sections',
  '-Wl,-z,relro,-z,now,-z,noexecstack',
  `-Wl,--version-script=${own('exports.map')}`,
]

const notForAnyLibc = flag => flag === '-Wl,-z,defs' || flag === '-ldl' || flag.includes('_FORTIFY_SOURCE')

function run(processor, tool, args) {
  const { prefix, packages } = COMPILERS[processor]
  const { error, status } = spawnSync(prefix + tool, args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, LC_ALL: 'C', SOURCE_DATE_EPOCH: '0' },
  })
  if (error?.code === 'ENOENT') {
    throw new BuildFailure(`tsrun: no ${prefix}${tool}, so nothing can be packed for ${processor}.
  Debian, Ubuntu:  apt-get install ${packages}`)
  }
  if (error || status !== 0)
    throw new BuildFailure(`tsrun: ${prefix}${tool} failed: ${error?.message ?? `exit code ${status}`}`)
}

/** Those of the Node that runs this, where its packages, its archive or node-gyp have them. */
function nodeHeaders() {
  const { env, execPath, versions } = process
  const folders = [
    env.npm_package_config_node_gyp_nodedir,
    env.npm_config_nodedir,
    dirname(dirname(realpathSync(execPath))),
    join(homedir(), '.cache', 'node-gyp', versions.node),
  ]
  const found = folders.find(folder => folder && existsSync(join(folder, 'include', 'node', 'uv.h')))
  if (found !== undefined) return join(found, 'include', 'node')
  throw new BuildFailure(`tsrun: no headers of Node ${versions.node}, which the add-ons are compiled with.
  Install them beside Node, or name the folder that has include/node: npm config set nodedir FOLDER`)
}

export function compilePart(processor, part, folder = prebuiltFolder(processor)) {
  const sources = sourcesOf(part)
  const flags = flagsOf(sources)
  const isShared = flags.includes('-shared')
  const wanted = isShared ? [...flags.filter(flag => !notForAnyLibc(flag)), ...ANY_LIBC] : flags
  const abi = `-DTSRUN_ABI=${abiOf(join(root, 'native', 'sys'))}`
  const file = join(folder, part.output)
  run(processor, 'gcc', [
    ...wanted,
    ...OF_PROCESSOR[processor],
    ...REPRODUCIBLE,
    abi,
    '-o',
    file,
    ...unitsOf(sources),
    '-lgcc',
  ])
}

function compileLibffi(processor, folder, flags) {
  const units = [...LIBFFI, ...LIBFFI_OF[processor]].map(name => join(libffi, 'src', name))
  const defined = ['-DPIC', '-DFFI_BUILDING', '-DHAVE_CONFIG_H', '-DNDEBUG']
  return units.map(unit => {
    const object = join(folder, `${basename(unit)}.o`)
    run(processor, 'gcc', [...flags, ...defined, '-c', '-o', object, unit])
    return object
  })
}

const addOnHeaders = () =>
  [
    'node-addon-api',
    'get-uv-event-loop-napi-h/include',
    'get-symbol-from-current-process-h/include',
    '@2060.io/ref-napi/include',
  ]
    .map(name => `-I${join(modules, name)}`)
    .concat(`-I${nodeHeaders()}`)

function compileAddOn(processor, temporary, addOn) {
  const [first] = addOn.folders
  const of = addOn.libffi ? [`-I${libffi}/include`, `-I${libffi}/config/linux/${processor}`] : []
  const flags = [...ADD_ON, ...ANY_LIBC, ...OF_PROCESSOR[processor], ...REPRODUCIBLE, ...of]
  const compat = join(temporary, 'compat.o')
  run(processor, 'gcc', [...flags, '-c', '-o', compat, own('compat.c')])
  const objects = addOn.libffi ? compileLibffi(processor, temporary, flags) : []
  const units = addOn.units.map(name => join(modules, first, 'src', `${name}.cc`))
  const output = join(temporary, 'add-on.node')
  // C++'s own library goes into the file: Node has one as well, but not each Node another can use it.
  const libraries = ['-Wl,-Bstatic', '-lstdc++', '-lgcc_eh', '-lgcc']
  run(processor, 'g++', [
    ...[...flags, '-std=gnu++17', ...addOnHeaders(), ...LINKED],
    ...['-o', output, ...units, ...objects, compat, ...libraries],
  ])
  return output
}

/** The folder of the prebuilt add-ons in each package that has one; all of it is ours. */
export const addOnFolders = ADD_ONS.flatMap(({ folders }) => folders).map(name => join(modules, name, 'prebuilds'))

function compileFor(processor) {
  const temporary = mkdtempSync(join(tmpdir(), 'tsrun-prebuild-'))
  try {
    mkdirSync(prebuiltFolder(processor), { recursive: true })
    for (const part of parts) compilePart(processor, part)
    for (const addOn of ADD_ONS) {
      const made = compileAddOn(processor, temporary, addOn)
      for (const name of addOn.folders) {
        const folder = join(modules, name, 'prebuilds', `linux-${processor}`)
        mkdirSync(folder, { recursive: true })
        copyFileSync(made, join(folder, 'node.napi.node'))
      }
    }
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}

/** @throws {BuildFailure} which says what is missing */
export function prebuild() {
  for (const folder of [...PROCESSORS.map(prebuiltFolder), ...addOnFolders])
    rmSync(folder, { recursive: true, force: true })
  for (const processor of PROCESSORS) compileFor(processor)
}
