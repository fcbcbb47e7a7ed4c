/** A root that is made of layers, for a user without privileges: the helper mounts it in the user namespace. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { missing } from '../needs.js'
import { makeRootlessBundle, type Surroundings, USER } from '../rootless.js'

const skip = { skip: missing('root', 'busybox', 'user-namespaces') }

/** Runs the body of a program of the user's, in which there are `run`, `create` and `print`, and reads what it has printed. */
function makeProgram(t: Test) {
  const made = makeRootlessBundle(t)
  const { directory, rootfs, script, prefix } = made
  const prelude = `
    import { readdirSync, readFileSync, mkdirSync, writeFileSync } from 'node:fs'
    import { createRuntime, exampleConfig } from '${directory}/code/dist/index.js'
    const own = '${directory}/own'
    const layers = ['${rootfs}', own + '/top']
    for (const path of [own, own + '/top', own + '/top/etc', own + '/top/full']) mkdirSync(path)
    writeFileSync(own + '/top/etc/passwd', 'of the top')
    writeFileSync(own + '/top/full/file', 'x')
    const runtime = createRuntime({ log() {} })
    const inputOf = (command, upper = 'memory', of = layers) => {
      const args = ['/bin/sh', '-c', command]
      const config = exampleConfig({ args, terminal: false, rootless: { uid: ${USER}, gid: ${USER} }, seccomp: false })
      return { config: { ...config, root: { path: 'none', readonly: false } }, rootfs: { layers: of, upper } }
    }
    const run = (...input) => runtime.run(inputOf(...input))
    const create = (...input) => runtime.create({ ...inputOf(...input), id: '${prefix}' })
    const print = value => console.log(JSON.stringify(value))`
  return (body: string, surroundings: Surroundings = {}): { printed: readonly unknown[]; stderr: string } => {
    const file = join(directory, 'bundle/program.mjs')
    writeFileSync(file, `${prelude}\n${body}\n`)
    const { stdout, stderr, status } = script(`${directory}/node ${file}`, surroundings)
    t.equal(status, 0, stderr)
    return {
      printed: stdout
        .trim()
        .split('\n')
        .filter(Boolean)
        .map(line => JSON.parse(line)),
      stderr,
    }
  }
}

t.test('what is written goes to memory, and can be looked at until the container is deleted', skip, async t => {
  const program = makeProgram(t)
  const { printed } = program(`
    print((await run('cat /etc/passwd; rm -r /full; mkdir /full; ls /full; mv /etc /moved || cp -r /etc /moved; ls /moved')).stdout)
    print((await run('cat /full/file')).stdout)
    const container = await create('echo mine > /w; sleep 1000')
    await container.start()
    print((await container.run({ args: ['/bin/sh', '-c', 'for i in $(/bin/busybox seq 1000); do [ -s /w ] && break; sleep 0.01; done; cat /w'] })).stdout)
    await container.kill('SIGKILL')
    await container.wait()
    print(readFileSync(container.upper + '/w', 'utf8'))
    print(readFileSync('/proc/self/mountinfo', 'utf8').includes('upperdir=u'))
    await container.delete()
    print(container.upper)
    print((await run('dd if=/dev/zero of=/big bs=1024 count=4096', { memory: '1M' })).stderr.includes('No space left'))`)
  t.same(printed, ['of the toppasswd\n', 'x', 'mine\n', 'mine\n', false, null, true])
})

t.test('a directory keeps it', skip, async t => {
  const program = makeProgram(t)
  const { printed } = program(`
    const upper = { dir: own + '/up' }
    await run('echo one > /kept; rm /etc/passwd', upper)
    print((await run('cat /kept; ls /etc', upper)).stdout)
    print(readdirSync(own + '/up/upper').sort())`)
  t.same(printed, ['one\n', ['etc', 'kept']])
})

t.test('128 layers', skip, async t => {
  const program = makeProgram(t)
  const { printed } = program(`
    const more = Array.from({ length: 126 }, (_, index) => own + '/layer,with:odd ' + index)
    for (const [index, path] of more.entries()) {
      mkdirSync(path)
      writeFileSync(path + '/file' + index, '')
      writeFileSync(path + '/common', String(index))
    }
    print((await run('ls / | grep -c ^file; cat /common', 'memory', [...layers, ...more])).stdout)`)
  t.same(printed, ['126\n125'])
})

t.test('a file system without user extended attributes is told, with what to do', skip, async t => {
  const program = makeProgram(t)
  const { printed } = program(
    `await run('true', { dir: own + '/../bundle/plain/up' }).catch(error => print({ code: error.code, message: error.message }))`,
    { before: `mkdir plain; mount -t ramfs ramfs plain; chown ${USER} plain` },
  )
  t.match(printed, [{ code: 'ERR_LAUNCH_OP', message: /no user extended attributes.*rootfs\.upper\.dir.*copyTo/ }])
})
