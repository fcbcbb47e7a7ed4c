import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { CheckpointError, createRuntime } from '../../lib/index.js'
import { makeBundle } from '../bundle.js'
import { COUNTER, type Counter, follow, hasCounted, imagesIn, started } from '../checkpointing.js'
import { commandOn } from '../command.js'
import { compileProgram } from '../compile-program.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'busybox', 'criu'), timeout: 120_000 }

async function goesOn({ container, numbers }: Counter): Promise<void> {
  const before = numbers().length
  await hasCounted({ container, numbers: () => numbers().slice(before) })
}

/** The pids of what runs as CRIU for this process: it begins as `criu swrk`, and then says what it does. */
const criuChildren = (): readonly string[] => childrenOf(process.pid).filter(pid => /\bswrk\b|--rpc/.test(wordsOf(pid)))

const childrenOf = (pid: number): readonly string[] =>
  readdirSync(`/proc/${pid}/task`).flatMap(thread =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean),
  )

function wordsOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return '' // it has ended
  }
}

t.test('a failed checkpoint tells why, and the container goes on', skip, async t => {
  const box = makeBundle(t)
  const counter = await started(box)
  const { container } = counter
  const imagePath = imagesIn(box)
  await t.rejects(container.checkpoint({ imagePath, criu: '/no/criu' }), { code: 'ERR_CHECKPOINT_CRIU' })
  await t.rejects(container.checkpoint({ imagePath, criu: 'no-such-criu' }), {
    code: 'ERR_HOST_INSTALL',
    message: /needs CRIU.*install the package criu/,
  })
  await t.rejects(container.checkpoint({ imagePath: '' }), { code: 'ERR_CONFIG_INVALID', message: /imagePath/ })
  await t.rejects(container.checkpoint({ imagePath, parentPath: '../none' }), { message: /parentPath.*is not there/ })
  const failing = {
    imagePath,
    onProgress: ({ step }: { step: string }) => {
      if (step === 'post-dump') throw new Error('no')
    },
  }
  await t.rejects(container.checkpoint(failing), { message: 'no' })
  t.match(await container.state(), { status: 'running' })
  await goesOn(counter)
  const created = await box.runtime.create({
    id: box.id('other'),
    config: JSON.parse(
      readFileSync(join(box.bundle, 'config.json'), 'utf8').replaceAll(box.id().replace(/-c$/, ''), box.id('two')),
    ),
    rootfs: box.rootfs,
  })
  await t.rejects(created.checkpoint({ imagePath }), {
    code: 'ERR_STATE_STATUS',
    message: /Container cannot be checkpointed in created state/,
  })
  t.same(criuChildren(), [])
})

/** Counts, and then waits in vfork for a child that never ends. */
const WAITS_FOR_CHILD = `
#include <stdio.h>
#include <unistd.h>
int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (int i = 1; i < 4; i++) printf("%d\\n", i);
  if (vfork() == 0) { sleep(100); _exit(0); }
}`

t.test(
  'a process in vfork can not be stopped, which is told in plain words, and the container goes on',
  skip,
  async t => {
    const box = makeBundle(t)
    compileProgram(WAITS_FOR_CHILD, join(box.rootfs, 'bin/waits'))
    const settings = join(box.directory, 'criu.conf')
    writeFileSync(settings, 'timeout 1\n')
    const { container } = await started(box, 'exec /bin/waits', config => {
      config.annotations = { 'org.criu.config': settings }
    })
    await t.rejects(container.checkpoint({ imagePath: imagesIn(box) }), {
      code: 'ERR_CHECKPOINT_CRIU',
      message: /Unseizable.*\na process was about to start a program \(vfork\).*try again$/s,
    })
    t.match(await container.state(), { status: 'running' })
    t.match((await container.run({ args: ['/bin/echo', 'here'] })).stdout, 'here\n')
  },
)

t.test('an open connection is an error unless it is asked for, and goes on with its bytes', skip, async t => {
  const box = makeBundle(t)
  const program = `busybox nc -l -p 9000 -e /bin/cat & until busybox nc -z 127.0.0.1 1 2>/dev/null || [ -e /tmp/go ]; do touch /tmp/go; sleep 0.3; done
    { ${COUNTER}; } | busybox nc 127.0.0.1 9000`
  const counter = await started(box, program)
  const imagePath = imagesIn(box)
  const refused = await counter.container.checkpoint({ imagePath }).catch((error: unknown) => error)
  t.ok(refused instanceof CheckpointError)
  if (refused instanceof CheckpointError) {
    t.match(refused.message, /criu failed: type DUMP errno \d+\nlog file: .*dump\.log\nError .*tcp/s)
    t.equal(refused.log, join(imagePath, 'dump.log'))
  }
  await goesOn(counter)
  await counter.container.checkpoint({ imagePath, tcpEstablished: true })
  await counter.container.closed
  const last = counter.numbers().at(-1) ?? 0
  await using restored = await box.runtime.restore({
    id: box.id(),
    bundle: box.bundle,
    imagePath,
    tcpEstablished: true,
  })
  const again = follow(restored)
  await hasCounted(again)
  t.equal(again.numbers()[0], last + 1, 'nothing that was on its way is lost')
})

t.test('images that are missing, of something else, or cut off are told, and leave nothing', skip, async t => {
  const box = makeBundle(t)
  const { runtime, bundle } = box
  const { container } = await started(box)
  const imagePath = imagesIn(box)
  await container.checkpoint({ imagePath })
  const restore = (path: string) => runtime.restore({ id: box.id('r'), bundle, imagePath: path })
  await t.rejects(restore(join(box.directory, 'none')), { code: 'ERR_CHECKPOINT_IMAGE', message: /no directory/ })
  const empty = join(box.directory, 'empty')
  mkdirSync(empty)
  await t.rejects(restore(empty), { code: 'ERR_CHECKPOINT_IMAGE', message: /inventory\.img/ })
  for (const name of readdirSync(imagePath).filter(file =>
    /^(core|mm|pagemap|pages|pstree|inventory|mountpoints)-?/.test(file),
  )) {
    const broken = join(box.directory, `broken-${name}`)
    execFileSync('cp', ['-a', imagePath, broken])
    const { size } = statSync(join(broken, name))
    truncateSync(join(broken, name), Math.floor(size / 2))
    const code = /^(page|pstree)/.test(name) ? 'ERR_CHECKPOINT_IMAGE' : 'ERR_CHECKPOINT_CRIU'
    await t.rejects(restore(broken), { code }, name)
    t.same(await runtime.list(), [], name)
  }
  rmSync(join(imagePath, 'descriptors.json'))
  await t.rejects(restore(imagePath), { code: 'ERR_CHECKPOINT_IMAGE', message: /descriptors\.json: ENOENT/ })
  t.same(await runtime.list(), [])
  t.same(criuChildren(), [])
  t.notOk(existsSync(join(runtime.root, box.id('r'))))
})

t.test('CRIU may be killed at any step: the container goes on, or is not there', skip, async t => {
  const box = makeBundle(t)
  const { runtime, bundle } = box
  const killCriu = (): void => {
    for (const pid of criuChildren()) process.kill(Number(pid), 'SIGKILL')
  }
  const kill =
    (at: string) =>
    ({ step }: { step: string }): void => {
      if (step === at) killCriu()
    }
  const counter = await started(box)
  await t.rejects(
    counter.container.checkpoint({ imagePath: imagesIn(box), onProgress: kill('pre-dump') }),
    /killed by SIGKILL/,
  )
  await goesOn(counter)
  const imagePath = imagesIn(box)
  await counter.container.checkpoint({ imagePath })
  for (const step of ['pre-restore', 'setup-namespaces', 'post-restore']) {
    const restoring = runtime.restore({ id: box.id(), bundle, imagePath, onProgress: kill(step) })
    await t.rejects(restoring, /killed by SIGKILL/, step)
    t.same(await runtime.list(), [], step)
  }
  const cancel = new AbortController()
  const aborted = runtime.restore({
    id: box.id(),
    bundle,
    imagePath,
    signal: cancel.signal,
    onProgress: () => cancel.abort(),
  })
  await t.rejects(aborted, { name: 'AbortError' })
  t.same(await runtime.list(), [])
  await using restored = await runtime.restore({ id: box.id(), bundle, imagePath })
  await goesOn(follow(restored))
})

t.test(
  'it waits for its turn, behind what was called before, or until its signal',
  { ...skip, skip: missing('root', 'busybox') },
  async t => {
    const box = makeBundle(t)
    const runtime = createRuntime({ root: box.runtime.root, concurrency: 1 })
    box.configure(config => delete config.linux.cgroupsPath)
    const nowhere = join(box.directory, 'nowhere')
    const missingBundle = { bundle: nowhere, imagePath: nowhere }
    const ended: string[] = []
    const creates = ['one', 'two', 'three'].map(async name => {
      const { bundle } = box
      await runtime.create({ id: box.id(name), bundle, stdio: 'ignore' })
      ended.push(name)
    })
    await t.rejects(runtime.restore({ id: box.id(), ...missingBundle }), { message: /nowhere/ })
    t.ok(ended.includes('one'), 'the bundle was looked for after that')
    const cancel = new AbortController()
    const aborted = runtime.restore({ id: box.id(), ...missingBundle, signal: cancel.signal })
    cancel.abort()
    await t.rejects(aborted, { name: 'AbortError' })
    await Promise.all(creates)
  },
)

t.test('the command has the words and the files of runc', skip, async t => {
  const box = makeBundle(t)
  const { container } = await started(box)
  const run = commandOn(box)
  const images = imagesIn(box)
  t.match(run(['checkpoint', '--image-path', images, '--manage-cgroups-mode', 'x', box.id()]), {
    status: 1,
    stderr: /Invalid manage-cgroups-mode value/,
  })
  t.match(run(['checkpoint', '--page-server', 'x', box.id()]), { status: 1, stderr: /Use --page-server ADDRESS:PORT/ })
  t.match(run(['checkpoint', '--empty-ns', 'pid', box.id()]), {
    status: 1,
    stderr: /namespace .*pid.* is not supported/,
  })
  t.match(run(['restore', '--lsm-mount-context']), { status: 1, stderr: /flag needs an argument: -lsm-mount-context/ })
  t.match(run(['checkpoint', '--image-path', images, 'nobody']), { status: 1, stderr: /does not exist/ })
  t.match(run(['checkpoint', '--image-path', images, '--work-path', join(box.directory, 'work'), box.id()]), {
    status: 0,
  })
  t.ok(existsSync(join(box.directory, 'work', 'dump.log')) && existsSync(join(images, 'descriptors.json')))
  await container.closed
})
