/** The package, from a fresh clone to what somebody does with it who has installed it; without a compiler, but where one is wanted. */
import * as fs from 'node:fs'
import { join, resolve } from 'node:path'
import { buildSync } from 'esbuild'
import t, { type Test } from 'tap'
import { missing, SYSTEMS, systems } from '../needs.js'
import { checkSymbols, LIBRARIES, loadWithMusl } from './any-libc.js'
import { ARCHIVE, addDependencies, clone, project, run, temporary, version, WORKS } from './packed.js'

const dynamic = (folder: string, processor: string) => [
  join(folder, `prebuilds/linux-${processor}/libtsrun.so`),
  ...ADD_ONS.map(name => join(folder, 'node_modules', name, `prebuilds/linux-${processor}/node.napi.node`)),
]

const PARTS = ['libtsrun.so', 'tsrun-init', 'tsrun-layer']
const ADD_ONS = ['ffi-napi', 'ref-napi', '@2060.io/ref-napi']

const TYPED = `
import { createRuntime, type Runtime, StateError } from 'tsrun'
const runtime: Runtime = createRuntime({ root: '/run/x' })
export const missing: Promise<StateError | undefined> = runtime.get('x').then(() => undefined)
// @ts-expect-error: a root is a path
createRuntime({ root: 1 })
`

const TYPED_PROJECT = {
  compilerOptions: {
    module: 'NodeNext',
    target: 'ES2023',
    lib: ['ES2023', 'ESNext.Disposable'],
    strict: true,
    noEmit: true,
  },
  files: ['typed.ts'],
}

/** `npm pack` in a clone, and the path of what it made. */
function pack(t: Test, folder = clone(t)): string {
  if (!fs.existsSync(join(folder, 'node_modules'))) addDependencies(folder)
  const { status, output } = run(folder, 'npm', 'pack')
  t.equal(status, 0, 'npm pack works', { output })
  return join(folder, ARCHIVE)
}

/** A project that has the package installed, and none of its install scripts run. */
function installed(t: Test, archive: string): string {
  const folder = project(t)
  const result = run(folder, 'npm', 'install', '--ignore-scripts', '--prefer-offline', archive)
  t.equal(result.status, 0, 'npm install works', result)
  return folder
}

/** Every path below `folder`, relative to it. */
const filesOf = (folder: string) => fs.readdirSync(folder, { recursive: true }).map(String)

t.test('a clone without its dependencies is not packed', { skip: missing('npm') }, async t => {
  const folder = clone(t)
  const { status, output } = run(folder, 'npm', 'pack')
  t.not(status, 0)
  t.match(output, /cannot be packed without typescript.*npm ci/)
  t.notOk(fs.existsSync(join(folder, ARCHIVE)))
})

t.test('the package', { skip: missing('npm', 'cc', 'aarch64'), timeout: 600_000 }, async t => {
  const source = clone(t)
  fs.mkdirSync(join(source, 'dist/old'), { recursive: true })
  fs.writeFileSync(join(source, 'dist/old/stale.js'), '')
  const archive = pack(t, source)
  const folder = installed(t, archive)
  const at = (...parts: readonly string[]) => join(folder, 'node_modules', 'tsrun', ...parts)

  t.test('has what it needs and nothing else', async t => {
    for (const name of ['LICENSE', 'README.md', 'CHANGELOG.md', 'SECURITY.md', 'dist/index.d.ts', 'man/tsrun.8'])
      t.ok(fs.existsSync(at(name)), name)
    for (const name of ['lib', 'test', 'native/build', '.ci', 'dist/old', 'scripts/prepack.mjs'])
      t.notOk(fs.existsSync(at(name)), `no ${name}`)
    for (const processor of ['linux-x64', 'linux-arm64']) {
      for (const name of PARTS) t.ok(fs.existsSync(at('prebuilds', processor, name)), `${processor} ${name}`)
      for (const name of ADD_ONS)
        t.ok(fs.existsSync(at('node_modules', name, 'prebuilds', processor, 'node.napi.node')), name)
    }
    const compiledHere = filesOf(at('node_modules')).filter(name => /(^|\/)build(\/|$)|\.o$|\.unpacked$/.test(name))
    t.same(compiledHere, [], 'nothing that was compiled for the clone itself')
  })

  t.test('leaves the packages of the clone as they were', async t => {
    for (const name of ADD_ONS) {
      const [ours, theirs] = ['.', source].map(root =>
        fs.readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8'),
      )
      t.equal(theirs, ours, name)
      t.notOk(fs.existsSync(join(source, 'node_modules', name, 'prebuilds')))
    }
  })

  t.test('works though no install script was run', { skip: missing('root') }, async t => {
    t.match(run(folder, 'node', 'use.mjs').output, WORKS)
    t.match(run(folder, 'npx', '--no-install', 'tsrun', '--version').stdout, `tsrun version ${version}`)
  })

  t.test('works where it cannot be written', { skip: missing('root') }, async t => {
    const mounted = 'mount --bind node_modules node_modules && mount -o remount,bind,ro node_modules && node use.mjs'
    t.match(run(folder, 'unshare', '-m', 'sh', '-c', mounted).output, WORKS)
    const command =
      'mount --bind node_modules node_modules && mount -o remount,bind,ro node_modules && node_modules/.bin/tsrun list'
    t.equal(run(folder, 'unshare', '-m', 'sh', '-c', command).status, 0)
  })

  t.test('says why if it can load no libraries', { skip: missing('root') }, async t => {
    const mounted =
      'mount --bind node_modules node_modules && mount -o remount,bind,noexec node_modules && node use.mjs'
    t.match(run(folder, 'unshare', '-m', 'sh', '-c', mounted).output, /true ERR_HOST_INSTALL .*mounted noexec/)
    t.match(run(folder, 'node', '--no-addons', 'use.mjs').output, /true ERR_HOST_INSTALL .*--allow-addons/)
  })

  t.test('is installed for the whole machine, with its manual page', async t => {
    const place = temporary(t)
    const words = ['install', '--global', '--prefix', place, '--ignore-scripts', '--prefer-offline', archive]
    t.equal(run(folder, 'npm', ...words).status, 0)
    t.match(run(place, join(place, 'bin/tsrun'), '--version').stdout, `tsrun version ${version}`)
    t.ok(fs.existsSync(join(place, 'share/man/man8/tsrun.8')))
  })

  t.test('works in a bundle that is told where the package is', { skip: missing('root') }, async t => {
    const elsewhere = temporary(t)
    fs.mkdirSync(join(elsewhere, 'rootfs'))
    const outfile = join(elsewhere, 'out.mjs')
    const options = { bundle: true, platform: 'node', target: 'node20', format: 'esm', logLevel: 'error' } as const
    buildSync({ ...options, entryPoints: [join(folder, 'use.mjs')], outfile })
    t.match(run(elsewhere, 'node', outfile).output, /ERR_HOST_INSTALL.*TSRUN_NATIVE/)
    t.match(run(elsewhere, 'env', `TSRUN_NATIVE=${at()}`, 'node', outfile).output, WORKS)
  })

  t.test('its types can be used, with those of Node', async t => {
    fs.symlinkSync(resolve('node_modules/@types'), join(folder, 'node_modules', '@types'))
    fs.writeFileSync(join(folder, 'typed.ts'), TYPED)
    fs.writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(TYPED_PROJECT))
    const { status, output } = run(folder, process.execPath, resolve('node_modules/typescript/bin/tsc'))
    t.equal(status, 0, 'tsc finds nothing', { output })
  })

  t.test('is installed by pnpm, which runs no script', { skip: missing('pnpm', 'root') }, async t => {
    const other = project(t)
    const pnpm = resolve('test/integration/runners/node_modules/pnpm/bin/pnpm.cjs')
    const store = ['--store-dir', join(other, 'store'), '--prefer-offline']
    const { status, output } = run(other, process.execPath, pnpm, 'add', ...store, archive)
    t.equal(status, 0, 'pnpm add works', { output })
    t.match(run(other, 'node', 'use.mjs').output, WORKS)
    t.match(run(other, 'node_modules/.bin/tsrun', '--version').stdout, `tsrun version ${version}`)
  })

  t.test('runs on arm64, as far as an emulation of system calls goes', { skip: missing('systems') }, async t => {
    const node = resolve(SYSTEMS, systems.find(name => name.startsWith('arm64-')) ?? '', 'node')
    const emulated = ['-L', '/usr/aarch64-linux-gnu']
    const run64 = (...args: readonly string[]) => run(folder, 'qemu-aarch64-static', ...emulated, ...args)
    t.match(run64(node, at('dist/cli/tsrun.cjs'), '--version').stdout, `tsrun version ${version}`)
    // The library, both add-ons, and an exception of C++ that becomes one of JavaScript.
    const loaded = `
      const { native } = await import('${at('dist/sys/native.js')}')
      const { createRequire } = await import('node:module')
      const require = createRequire('${at('dist/')}')
      let caught = 0
      for (const wrong of [() => require('ffi-napi/lib/bindings').ffi_prep_cif('x'), () => require('ref-napi').readPointer(1)])
        try { wrong() } catch (error) { caught += error instanceof TypeError ? 1 : 0 }
      console.log(process.arch, native().ts_abi(), caught)`
    t.match(run64(node, '--input-type=module', '-e', loaded).output, /^arm64 \d+ 2$/m)
    t.match(run(folder, 'node', '--input-type=module', '-e', loaded).output, /^\w+ \d+ 2$/m)
    const refused = ['arm64', 'x64'].map(name => [`${name}`, at(`prebuilds/linux-${name}/tsrun-init`)] as const)
    const [there, here] = refused.map(([name, path]) => (name === 'arm64' ? run64(path) : run(folder, path)))
    t.same(there, here, 'the helper refuses to run by itself with the same words')
  })

  t.test('in a small system without network', { skip: missing('systems', 'root') }, async t => {
    await smallSystems(t, archive)
  })

  t.test(
    'takes what Node has loaded, from glibc 2.31 or newer and from musl',
    { skip: missing('musl-gcc') },
    async t => {
      for (const [processor, prefix, libc] of LIBRARIES)
        for (const file of dynamic(at(), processor)) checkSymbols(t, { file, prefix, libc })
      for (const file of dynamic(at(), 'x64'))
        t.equal(loadWithMusl(temporary(t), file), 'loaded', `${file} is loaded by musl`)
    },
  )

  t.test('without what was compiled before it says what is needed, and compiles', async t => {
    for (const name of ['.', ...ADD_ONS.map(name => `node_modules/${name}`)])
      fs.rmSync(at(name, 'prebuilds'), { recursive: true })
    t.match(run(folder, 'node', 'use.mjs').output, /true ERR_HOST_INSTALL .*npm rebuild/)
    const bare = join(temporary(t), 'bin')
    fs.mkdirSync(bare)
    fs.symlinkSync(process.execPath, join(bare, 'node'))
    const { status, stderr } = run(folder, 'env', `PATH=${bare}`, 'CC=no-such', 'node', at('scripts/native.mjs'))
    t.equal(status, 1)
    t.match(stderr, /nothing that was compiled for linux-.* no C compiler, no C\+\+ compiler, no make, no python3/)
    t.match(stderr, /apt-get install g\+\+ make python3[\s\S]*apk add build-base linux-headers python3/)
    const result = run(folder, 'npm', 'rebuild', 'tsrun')
    t.equal(result.status, 0, 'npm rebuild works', result)
    for (const name of PARTS) t.ok(fs.existsSync(at('native/build', name)), name)
    if (!missing('root')) t.match(run(folder, 'node', 'use.mjs').output, WORKS)
  })

  // Half a minute of compiling: at night, not for each change.
  if (process.env.SYSTEMS)
    t.test('is the same, byte for byte, from another clone', async t => {
      t.ok(fs.readFileSync(archive).equals(fs.readFileSync(pack(t))))
    })
})

/** In a root of its own, with the network cut off: npm's cache has the packages that are not bundled. */
async function smallSystems(t: Test, archive: string): Promise<void> {
  const warm = project(t)
  const cache = join(temporary(t), 'cache')
  t.equal(run(warm, 'npm', 'install', '--ignore-scripts', '--cache', cache, archive).status, 0)
  const registry = run('.', 'npm', 'config', 'get', 'registry').stdout.trim()
  const npm = run('.', 'npm', 'root', '-g').stdout.trim()
  for (const [system, node] of SMALL_SYSTEMS) {
    const root = join(temporary(t), 'root')
    t.equal(run('.', 'cp', '-a', join(SYSTEMS, system), root).status, 0)
    fs.chmodSync(root, 0o755)
    fs.cpSync(project(t), join(root, 'work'), { recursive: true })
    fs.cpSync(archive, join(root, 'work', ARCHIVE))
    fs.cpSync(cache, join(root, 'cache'), { recursive: true })
    for (const name of ['proc', 'sys', 'opt/npm', 'usr/local/bin']) fs.mkdirSync(join(root, name), { recursive: true })
    fs.cpSync(join(SYSTEMS, node, 'node'), join(root, 'usr/local/bin/node'))
    for (const name of ['sh', 'env']) fs.symlinkSync('busybox', join(root, 'bin', name))
    fs.writeFileSync(join(root, 'work/install.sh'), inside(registry))
    fs.writeFileSync(join(root, 'work/box.mjs'), BOX)
    fs.cpSync('/bin/busybox', join(root, 'work/box/bin/busybox'))
    const { output } = run('.', 'unshare', '-n', '-m', 'sh', '-ec', outside(root, npm))
    t.match(output, WORKS, `${system}, ${node}`, { output })
    t.match(output, '12 from a container, and 34 by exec')
    t.match(output, `tsrun version ${version}`)
    t.match(output, /installed in [12]?[0-9] s$/m, 'in a few seconds')
  }
}

/** Each with a Node for it. */
const SMALL_SYSTEMS = systems
  .filter(name => !name.includes('-'))
  .flatMap(name =>
    (name === 'musl' ? [name] : systems.filter(node => node.startsWith('x64-'))).map(node => [name, node] as const),
  )

/** A root that is a mount, as a container needs it. */
const outside = (root: string, npm: string) => `
mount --bind ${root} ${root}
cd ${root}
mount -t proc proc proc
mount --bind /dev dev
mount --rbind /sys sys
mount --bind ${npm}/npm opt/npm
exec env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp chroot . /bin/sh /work/install.sh`

const inside = (registry: string) => `
cd /work
begin=$(/bin/busybox date +%s)
node /opt/npm/bin/npm-cli.js install --offline --registry ${registry} --cache /cache --no-audit --no-fund ./${ARCHIVE}
echo installed in $(($(/bin/busybox date +%s) - begin)) s
node use.mjs
node box.mjs
node_modules/.bin/tsrun --version
exec 2>&1`

/** A container that lives, and an exec in it. */
const BOX = `
import { createRuntime } from 'tsrun'
const namespaces = ['mount', 'pid', 'network', 'ipc', 'uts'].map(type => ({ type }))
const config = { ociVersion: '1.2.0', process: { cwd: '/', args: ['/bin/busybox', 'sleep', '100'] }, linux: { namespaces } }
const container = await createRuntime({ root: '/work/state' }).create({ id: 'box', config, rootfs: '/work/box', stdio: 'ignore' })
await container.start()
const said = await Promise.all([12, 34].map(number => container.run({ args: ['/bin/busybox', 'echo', String(number)] })))
console.log(said.map(({ stdout }) => stdout.trim()).join(' from a container, and ') + ' by exec')
await container.delete({ force: true })`
