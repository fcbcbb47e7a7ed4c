import t, { type Test } from 'tap'
import type { Container, ExecOptions, ExecProcess } from '../../lib/index.js'
import { makeBundle, type TestConfig } from '../bundle.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'busybox') }

/** A running container, and what a command in it says. */
async function running(t: Test, change: (config: TestConfig) => void = () => {}) {
  const made = makeBundle(t)
  made.configure(config => {
    config.process.args = ['/bin/sleep', '1000']
    change(config)
  })
  const container = await made.runtime.create({ id: made.id(), bundle: made.bundle, stdio: 'ignore' })
  await container.start()
  const sh = (command: string, options: ExecOptions = {}) =>
    outputOf(container, { args: ['/bin/sh', '-c', command], ...options })
  return { ...made, container, sh }
}

async function outputOf(container: Container, options: ExecOptions) {
  const process = await container.exec(options)
  process.stdin?.end()
  const [stdout, stderr, status] = await Promise.all([read(process.stdout), read(process.stderr), process.wait()])
  return { stdout, stderr, ...status }
}

async function read(stream: ExecProcess['stdout']): Promise<string> {
  let text = ''
  for await (const chunk of stream ?? []) text += Buffer.from(chunk as Uint8Array).toString()
  return text
}

t.test('exec runs a program with streams and tells its status', skip, async t => {
  const { sh } = await running(t)
  t.strictSame(await sh('echo out; echo err >&2; exit 3'), {
    stdout: 'out\n',
    stderr: 'err\n',
    exitCode: 3,
    signal: null,
  })
  t.match(await sh('kill -9 $$'), { exitCode: null, signal: 'SIGKILL' })
})
