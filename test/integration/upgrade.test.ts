/** A program that runs while its package is replaced or removed, and one in another program than Node.js. */
import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { baseConfig, leftovers, makeRootfs } from '../bundle.js'
import { missing } from '../needs.js'

function makeDirectory(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'tsrun-test-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** The package as it is installed, in a directory of its own. */
function install(directory: string): string {
  const path = join(directory, 'tsrun')
  for (const part of ['dist', 'native/build', 'package.json']) cpSync(part, join(path, part), { recursive: true })
  symlinkSync(resolve('node_modules'), join(directory, 'node_modules'))
  return path
}

/** Every operation, and its error, after the package is gone. */
const PROGRAM = `
import { rmSync } from 'node:fs'
const [path, directory, id] = process.argv.slice(2)
const { createRuntime } = await import(path + '/dist/index.js')
const runtime = createRuntime({ root: directory + '/state' })
const container = await runtime.create({ bundle: directory, id, stdio: 'ignore' })
rmSync(path, { recursive: true })
await container.start()
const { pid } = await runtime.get(id)
const { exitCode } = await (await container.exec({ args: ['/bin/true'], stdio: 'ignore' })).wait()
await container.pause()
await container.resume()
await container.update({ pids: { limit: 50 } })
await container.kill('KILL')
await container.wait()
await container.delete()
await runtime.plan(directory)
await runtime.run({ bundle: directory, id, timeout: 1 })
console.log(exitCode === 0 && pid === container.pid ? 'done' : 'wrong')
`

t.test('the package is removed under a process that has a container', { skip: missing('root', 'busybox') }, async t => {
  const directory = makeDirectory(t)
  const id = `tsrun-upgrade-${process.pid}`
  const config = baseConfig()
  config.process.args = ['/bin/sleep', '1000']
  config.linux.cgroupsPath = `/${id}`
  makeRootfs(join(directory, 'rootfs'))
  writeFileSync(join(directory, 'config.json'), JSON.stringify(config))
  writeFileSync(join(directory, 'program.mjs'), PROGRAM)
  const path = install(directory)
  const { stdout } = await promisify(execFile)(process.execPath, [join(directory, 'program.mjs'), path, directory, id])
  t.equal(stdout, 'done\n')
  t.notOk(existsSync(path))
  t.strictSame(leftovers(id), [])
})

const ELSEWHERE = `
const [name, root] = process.argv.slice(1)
Object.defineProperty(process, 'versions', { value: { ...process.versions, [name]: '1.2.3' } })
const { createRuntime } = await import('./dist/index.js')
try {
  createRuntime({ root })
} catch ({ name, code, found }) {
  console.log(name, code, found)
}
`

for (const [name, title] of [
  ['bun', 'Bun'],
  ['deno', 'Deno'],
] as const) {
  t.test(`${title} is refused before anything is made`, async t => {
    const directory = makeDirectory(t)
    const root = join(directory, 'state')
    const args = ['--input-type=module', '--eval', ELSEWHERE, name, root]
    const { stdout } = await promisify(execFile)(process.execPath, args)
    t.equal(stdout, `HostError ERR_HOST_KERNEL ${title} 1.2.3\n`)
    t.notOk(existsSync(root))
  })
}
