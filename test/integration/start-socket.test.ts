/** Who may start a container: the user that created it, and nobody who merely gets at its socket. */
import { spawnSync } from 'node:child_process'
import { chmodSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { makeBundle, type TestBundle } from '../bundle.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'busybox') }
const NOBODY = 65534

async function created(box: TestBundle) {
  box.configure(config => {
    config.process.args = ['/bin/sh', '-c', 'echo started > /data/mark']
    config.root = { path: 'rootfs' }
  })
  const id = box.id()
  const before = process.umask(0)
  try {
    const container = await box.runtime.create({ id, bundle: box.bundle, stdio: 'ignore' })
    return { container, directory: join(box.runtime.root, id) }
  } finally {
    process.umask(before)
  }
}

t.test('without a umask the socket and its directory are the user’s alone', skip, async t => {
  const { container, directory } = await created(makeBundle(t))
  t.equal(statSync(join(directory, 'start')).mode & 0o777, 0o600)
  t.equal(statSync(directory).mode & 0o777, 0o700)
  await container.delete({ force: true })
})

/** Connects, and says whether the other end has hung up within ten seconds. */
const CONNECT = `
const socket = require('node:net').connect(process.argv[1])
socket.on('connect', () => console.log('connected'))
socket.on('error', error => console.log(error.code))
socket.on('close', () => console.log('closed'))
setTimeout(() => process.exit(1), 10_000).unref()
socket.resume()
`

function connectAsNobody(path: string): string {
  const given = { uid: NOBODY, gid: NOBODY, encoding: 'utf8', cwd: '/' } as const
  return spawnSync(process.execPath, ['-e', CONNECT, path], given).stdout
}

t.test('another user can not start it, even if the socket can be reached', skip, async t => {
  const box = makeBundle(t)
  const { container, directory } = await created(box)
  const socket = join(directory, 'start')
  for (const path of [box.directory, dirname(directory), directory]) chmodSync(path, 0o755)
  t.equal(connectAsNobody(socket), 'EACCES\nclosed\n', 'the mode of the socket')
  chmodSync(socket, 0o666)
  t.equal(connectAsNobody(socket), 'connected\nclosed\n', 'who has connected')
  t.equal((await container.state()).status, 'created')
  t.throws(() => readFileSync(join(box.rootfs, 'data/mark')), { code: 'ENOENT' })
  await container.start()
  await container.wait()
  t.equal(readFileSync(join(box.rootfs, 'data/mark'), 'utf8'), 'started\n')
})
