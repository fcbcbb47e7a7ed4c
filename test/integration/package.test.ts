import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { missing } from '../needs.js'

const { version, allowScripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  version: string
  allowScripts: Record<string, boolean>
}

/** The environment without what the npm that runs these tests says about this project. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^(npm_(lifecycle|package)_|npm_config_local_prefix|INIT_CWD)/.test(name) || name.includes('node_gyp'),
  ),
)

function run(folder: string, command: string, ...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: 'utf8', env: environment })
  return { status, stdout, output: `${stdout}${stderr}` }
}

/** Says what comes of a container without a program: an error that only a working installation has. */
const USE = `
import { createRuntime, isTsrunError } from 'tsrun'
const config = { ociVersion: '1.2.0', process: { cwd: '/', args: ['/no-such-program'] }, linux: { namespaces: [{ type: 'mount' }] } }
try {
  await createRuntime({ root: process.cwd() + '/state' }).run({ config, rootfs: process.cwd() + '/rootfs' })
} catch (error) {
  console.log(isTsrunError(error) + ' ' + error.code + ' ' + error.message)
}
`

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

/** An empty project that has the packed package installed, but none of the install scripts run. */
function installed(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'tsrun-package-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const packed = run(process.cwd(), 'npm', 'pack', '--ignore-scripts', '--pack-destination', folder)
  t.equal(packed.status, 0, 'npm pack works', packed)
  const archive = `tsrun-${version}.tgz`
  const allowed = { ...allowScripts, tsrun: true, [`file:${archive}`]: true }
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module', private: true, allowScripts: allowed }))
  const result = run(folder, 'npm', 'install', '--ignore-scripts', '--prefer-offline', `./${archive}`)
  t.equal(result.status, 0, 'npm install works', result)
  return folder
}

t.test(
  'the package can be installed in an empty project',
  { skip: missing('npm', 'cc'), timeout: 300_000 },
  async t => {
    t.ok(existsSync('dist/index.js') && existsSync('dist/cli/tsrun.cjs'), 'it has been built (npm run build)')
    const folder = installed(t)
    const at = (...parts: readonly string[]) => join(folder, 'node_modules', 'tsrun', ...parts)
    writeFileSync(join(folder, 'use.mjs'), USE)
    mkdirSync(join(folder, 'rootfs'))

    t.test('it has what it needs and nothing else', async t => {
      for (const file of [
        'LICENSE',
        'README.md',
        'CHANGELOG.md',
        'SECURITY.md',
        'dist/index.d.ts',
        'man/tsrun.8',
        'native/init/flags.txt',
      ])
        t.ok(existsSync(at(file)), file)
      for (const file of ['lib', 'test', 'native/build', 'node_modules', '.ci'])
        t.notOk(existsSync(at(file)), `no ${file}`)
    })

    t.test('before the native parts are compiled it says how that is done', async t => {
      const { output } = run(folder, 'node', 'use.mjs')
      t.match(output, /true ERR_HOST_INSTALL .*npm rebuild/)
    })

    t.test('without a compiler the install script says which package has one', async t => {
      const { status, stderr } = spawnSync('node', [at('scripts/native.mjs')], {
        encoding: 'utf8',
        env: { ...environment, CC: 'no-such-compiler' },
      })
      t.equal(status, 1)
      t.match(stderr, /no C compiler found.*no-such-compiler/)
      t.match(stderr, /apt-get install gcc/)
    })

    t.test('the install scripts compile them', async t => {
      const result = run(folder, 'npm', 'rebuild')
      t.equal(result.status, 0, 'npm rebuild works', result)
      t.ok(existsSync(at('native/build/libtsrun.so')))
      t.ok(existsSync(at('native/build/tsrun-init')))
    })

    t.test('it can be imported, and works', { skip: missing('root') }, async t => {
      t.match(run(folder, 'node', 'use.mjs').output, /true ERR_LAUNCH_EXEC .*no-such-program/)
    })

    t.test('the command can be run', async t => {
      t.match(run(folder, 'npx', '--no-install', 'tsrun', '--version').stdout, `tsrun version ${version}`)
    })

    t.test('its types can be used, with those of Node', async t => {
      symlinkSync(resolve('node_modules/@types'), join(folder, 'node_modules', '@types'))
      writeFileSync(join(folder, 'typed.ts'), TYPED)
      writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(TYPED_PROJECT))
      const { status, output } = run(folder, process.execPath, resolve('node_modules/typescript/bin/tsc'))
      t.equal(status, 0, 'tsc finds nothing', { output })
    })
  },
)
