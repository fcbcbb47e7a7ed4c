import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { buildSync, type Format } from 'esbuild'
import t, { type Test } from 'tap'
import { missing } from '../needs.js'

/** Says what comes of a container without a program: an error that only a working native library has. */
const program = (options: string) => `
import { createRuntime, isTsrunError } from ${JSON.stringify(resolve('dist/index.js'))}
const config = { ociVersion: '1.2.0', process: { cwd: '/', args: ['/no-such-program'] }, linux: { namespaces: [{ type: 'mount' }] } }
const folder = process.argv[2]
try {
  createRuntime({ root: folder + '/state', log: () => {}, ...${options} })
    .run({ config, rootfs: folder + '/rootfs' })
    .catch(error => console.log(isTsrunError(error) + ' ' + error.code + ' ' + error.message))
} catch (error) {
  console.log('thrown ' + error)
}
`

/** A program and all of the library in one file, in a folder where nothing else is. */
function bundle(t: Test, format: Format, options = '{}') {
  const folder = mkdtempSync(join(tmpdir(), 'tsrun-bundled-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  mkdirSync(join(folder, 'rootfs'))
  const [entry, outfile] = [join(folder, 'program.ts'), join(folder, format === 'esm' ? 'out.mjs' : 'out.cjs')]
  writeFileSync(entry, program(options))
  const common = { bundle: true, platform: 'node', target: 'node20', logLevel: 'error' } as const
  buildSync({ ...common, entryPoints: [entry], outfile, format })
  return (env: Record<string, string> = {}) => {
    const { stdout, stderr } = spawnSync(process.execPath, [outfile, folder], {
      encoding: 'utf8',
      cwd: folder,
      env: { ...process.env, ...env },
    })
    return stdout + stderr
  }
}

for (const format of ['esm', 'cjs'] as const) {
  t.test(`a bundle (${format}) finds the native parts where it is told`, { skip: missing('root') }, async t => {
    const works = /^true ERR_LAUNCH_EXEC .*no-such-program/
    const run = bundle(t, format)
    t.match(run({ TSRUN_NATIVE: resolve('native/build') }), works)
    t.match(run(), /^true ERR_HOST_INSTALL .*TSRUN_NATIVE/, 'else it says how')
    t.match(run({ TSRUN_NATIVE: '/nowhere' }), /^true ERR_HOST_INSTALL .*\/nowhere.*TSRUN_NATIVE/)
    const option = bundle(t, format, JSON.stringify({ native: resolve('native/build') }))
    t.match(option(), works)
    t.match(option({ TSRUN_NATIVE: '/nowhere' }), works, 'the option goes first')
  })
}
