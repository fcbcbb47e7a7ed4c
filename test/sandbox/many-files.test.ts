/** Directories that a program has made so that they hold whoever looks at them, or removes them. */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { removeWritten } from '../../lib/sys/written-tree.js'
import { compileProgram } from '../compile-program.js'
import { missing } from '../needs.js'
import { until } from '../until.js'
import { makeSandbox } from './make-sandbox.js'

const skip = { skip: missing('root', 'cc') }

function folder(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'tsrun-many-'))
  chmodSync(path, 0o755)
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** Milliseconds of processor time that the longest turn of the event loop took: a busy machine takes none of that. */
async function longestTurn(act: () => Promise<unknown>): Promise<number> {
  let longest = 0
  let isOver = false
  let before = process.cpuUsage()
  const look = (): void => {
    const { user, system } = process.cpuUsage(before)
    longest = Math.max(longest, (user + system) / 1000)
    before = process.cpuUsage()
    if (!isOver) setImmediate(look)
  }
  setImmediate(look)
  await act()
  isOver = true
  return longest
}

const NAMES = 30_000
/** Without turns it is ten times that, and more. The collector of memory, and the compiler, have threads that count too. */
const LONG_MS = 60

t.test('thirty thousand names are listed and removed in turns', skip, async t => {
  const box = await makeSandbox(t)
  await box.commands.run(`mkdir many; cd many; seq -f name%g ${NAMES} | xargs touch`, { cwd: '/home/sandbox' })
  const path = '/home/sandbox/many'
  const listing = await longestTurn(async () => {
    const names = (await box.files.list(path)).map(({ name }) => name)
    t.equal(names.length, NAMES)
    t.same(names, [...names].sort())
  })
  t.comment(`longest turn: ${listing} ms`)
  t.ok(listing < LONG_MS, `listed in turns of ${listing} ms`)
  await t.rejects(box.files.list(path, { limit: 100 }), { code: 'ERR_SYSTEM', errno: 'EFBIG', path })
  await t.rejects(box.files.list(path, { signal: AbortSignal.abort(new Error('no more')) }), { message: 'no more' })
  await t.rejects(box.files.remove(path, { recursive: true, signal: AbortSignal.abort(new Error('no more')) }), {
    message: 'no more',
  })
  const removing = await longestTurn(() => box.files.remove(path, { recursive: true }))
  t.comment(`longest turn: ${removing} ms`)
  t.ok(removing < LONG_MS, `removed in turns of ${removing} ms`)
  t.notOk(await box.files.exists(path))
})

/** Two thousand directories, one in the other, and a name that is no text at the end. */
const DEEP = `#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
int main(void) {
  for (int i = 0; i < 2000; i++)
    if (mkdir("deep", 0700) || chdir("deep")) return 1;
  return open("\\377\\n", O_CREAT | O_WRONLY, 0600) < 0 || chmod(".", 0);
}
`

t.test('what is deep is removed, by few descriptors, and what is no text is listed', skip, async t => {
  const source = folder(t)
  compileProgram(DEEP, join(source, 'deep'))
  const box = await makeSandbox(t, { mounts: [{ source, target: '/programs' }], cwd: '/home/sandbox' })
  t.match(await box.commands.run(['/programs/deep']), { verdict: 'ok' })
  t.match(await box.commands.run(String.raw`mkdir odd; touch "$(printf 'odd/\377')"`), { verdict: 'ok' })
  t.match(await box.files.list('odd'), [{ name: '\ufffd', kind: 'file' }])
  const before = readdirSync('/proc/self/fd').length
  let most = 0
  const watching = setInterval(() => {
    most = Math.max(most, readdirSync('/proc/self/fd').length)
  }, 1)
  for (const name of ['deep', 'odd']) await box.files.remove(name, { recursive: true })
  clearInterval(watching)
  t.ok(most < before + 100, `${most - before} descriptors`)
  t.equal(readdirSync('/proc/self/fd').length, before)
  t.same(await box.files.list('.'), [])
})

/** A directory and a link change places, as fast as it can be done. */
const SWAP = `#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
int main(int count, char **args) {
  for (;;) {
    mkdir("a", 0700);
    mkdir("a/b", 0700);
    symlink(args[count - 1], "a/c");
    for (int i = 0; i < 100; i++)
      renameat2(AT_FDCWD, "a/b", AT_FDCWD, "a/c", RENAME_EXCHANGE);
  }
}
`

t.test('what a program makes of a directory that is being removed leads nowhere else', skip, async t => {
  const [source, outside] = [folder(t), folder(t)]
  writeFileSync(join(outside, 'kept'), 'kept')
  compileProgram(SWAP, join(source, 'swap'))
  const user = { uid: 0, gid: 0 }
  const box = await makeSandbox(t, { mounts: [{ source, target: '/work', mode: 'rw' }], user })
  // As the host sees it: within the sandbox there is nothing at that path.
  const swapping = await box.commands.start(['./swap', outside])
  await until(() => box.files.exists('a'))
  const ended = new Map<string, number>()
  while ((ended.get('removed') ?? 0) < 50) {
    const removing = box.files.remove('a', { recursive: true })
    const end = await removing.then(
      () => 'removed',
      ({ errno }) => String(errno),
    )
    ended.set(end, (ended.get(end) ?? 0) + 1)
  }
  await swapping.kill('SIGKILL')
  t.same(
    [...ended.keys()].filter(end => !['removed', 'ENOENT', 'ENOTEMPTY'].includes(end)),
    [],
  )
  t.same(readdirSync(outside), ['kept'])
})

/** More changes than anybody can tell. */
const FLOOD = `#include <fcntl.h>
#include <unistd.h>
int main(void) {
  int files[2] = {open("one", O_CREAT | O_WRONLY, 0600), open("two", O_CREAT | O_WRONLY, 0600)};
  for (int i = 0;; i = !i)
    if (write(files[i], "x", 1) != 1 || ftruncate(files[i], 0) || lseek(files[i], 0, SEEK_SET)) return 1;
}
`

t.test('a program can not hold who watches it, nor who waits for what it says', skip, async t => {
  const source = folder(t)
  compileProgram(FLOOD, join(source, 'flood'))
  const box = await makeSandbox(t, { mounts: [{ source, target: '/programs' }], cwd: '/home/sandbox' })
  const changes = box.files.watch('.')
  const first = changes.next()
  const flood = await box.commands.start(['/programs/flood'])
  await first
  let told: unknown = null
  for (let round = 0; told === null && round < 30; round++) {
    // This thread does nothing, and the kernel keeps up to 16,384 changes for it.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300)
    await nextTurn()
    await nextTurn()
    await changes.next().catch((error: unknown) => {
      told = error
    })
  }
  t.match(told, { code: 'ERR_SYSTEM', errno: 'ENOBUFS' })
  await flood.kill('SIGKILL')
  const waiting = await longestTurn(async () => {
    const ready = { ready: { output: 'never' }, readyTimeoutMs: 2000 } as const
    await t.rejects(box.commands.start('dd if=/dev/zero bs=1 count=400000; sleep 1000', ready), {
      message: /not ready/,
    })
  })
  t.comment(`longest turn: ${waiting} ms`)
  t.ok(waiting < 4 * LONG_MS, `waited in turns of ${waiting} ms`)
})

t.test('a link in place of a directory is removed, not followed', async t => {
  const directory = folder(t)
  mkdirSync(join(directory, 'kept'))
  writeFileSync(join(directory, 'kept/file'), '')
  mkdirSync(join(directory, 'tree'))
  symlinkSync('../kept', join(directory, 'tree/link'))
  symlinkSync('kept', join(directory, 'top'))
  await removeWritten(join(directory, 'tree'))
  await removeWritten(join(directory, 'top'))
  await removeWritten(join(directory, 'not/there'))
  t.same(readdirSync(directory), ['kept'])
  t.same(readdirSync(join(directory, 'kept')), ['file'])
})
