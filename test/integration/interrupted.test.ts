/** A program that has handlers of signals, as profilers do: the kernel may refuse a write while a signal is pending. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { makeBundle } from '../bundle.js'
import { missing } from '../needs.js'

const PROGRAM = `
import { createRuntime } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url))}
const [root, bundle, id] = process.argv.slice(1)
const { exitCode } = await createRuntime({ root }).run({ bundle, id })
console.log('exit code', exitCode)
`

t.test('a limit of memory is written again', { skip: missing('root', 'busybox', 'strace') }, async t => {
  const { bundle, configure, id, runtime } = makeBundle(t)
  configure(config => {
    config.linux.cgroupsPath = `/${id()}`
    config.linux.resources = { memory: { limit: 64 * 1024 * 1024 } }
    config.process.args = ['/bin/true']
  })
  const files = [`memory/${id()}/memory.limit_in_bytes`, `${id()}/memory.max`].flatMap(name => [
    '-P',
    `/sys/fs/cgroup/${name}`,
  ])
  const injected = ['-f', '-e', 'trace=write', '-e', 'inject=write:error=EINTR:when=1', ...files]
  const program = ['--input-type=module', '-e', PROGRAM, runtime.root, bundle, id()]
  const { stdout, stderr } = await promisify(execFile)('strace', [...injected, process.execPath, ...program])
  t.equal(stdout, 'exit code 0\n')
  t.match(stderr, /EINTR[^\n]*INJECTED[^\n]*\n(?:.*\n)*?.*write\(/, 'it was refused once')
})
