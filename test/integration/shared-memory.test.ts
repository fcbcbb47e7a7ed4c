/**
 * What shares this process's memory must never be in another cgroup: the OOM killer there would count our memory for it, and
 * end all who have that memory.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { compileProgram } from '../compile-program.js'
import { missing } from '../needs.js'
import { until } from '../until.js'

const script = fileURLToPath(new URL('shared-memory-run.ts', import.meta.url))

interface Call {
  readonly pid: number
  readonly text: string
}

/** The system calls in their order; one that another thread has cut in two is put together where it began. */
function callsIn(trace: string): Call[] {
  const calls: { pid: number; text: string }[] = []
  const open = new Map<number, { text: string }>()
  for (const line of trace.split('\n')) {
    const [, number, text = ''] = /^(\d+) +(.*)$/.exec(line) ?? []
    const pid = Number(number)
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(text)
    if (resumed !== null) {
      const call = open.get(pid)
      if (call !== undefined) call.text += resumed[1]
      continue
    }
    const call = { pid, text: text.replace(/ <unfinished \.\.\.>$/, '') }
    if (call.text !== text) open.set(pid, call)
    calls.push(call)
  }
  return calls
}

t.test(
  'no task that shares our memory is ever in another cgroup',
  { skip: missing('root', 'busybox', 'strace') },
  t => {
    const folder = mkdtempSync(join(tmpdir(), 'tsrun-trace-'))
    t.teardown(() => rmSync(folder, { recursive: true, force: true }))
    const file = join(folder, 'trace')
    const what = ['-e', 'trace=clone,clone3,execve,execveat,write', '-y', '-s', '64', '-o', file]
    execFileSync('strace', ['-f', ...what, process.execPath, ...process.execArgv, script], { stdio: 'ignore' })
    const sharing = new Set<number>()
    const moves: Call[] = []
    let clones = 0
    for (const call of callsIn(readFileSync(file, 'utf8'))) {
      const { pid, text } = call
      const child = Number(/= (\d+)$/.exec(text)?.[1] ?? 0)
      const isProcess = /^clone3?\(/.test(text) && !text.includes('CLONE_THREAD')
      if (isProcess && child > 0 && text.includes('CLONE_VM')) {
        clones++
        sharing.add(child)
      }
      if (/^execve(at)?\(.* = 0$/.test(text)) sharing.delete(pid)
      const isMove = text.includes('CLONE_INTO_CGROUP') || /^write\(\d+<[^>]*\/(tasks|cgroup\.procs)>/.test(text)
      if (!isMove) continue
      moves.push(call)
      t.notMatch(text, /CLONE_VM/)
      t.notOk(sharing.has(pid), text)
      t.match(text, /CLONE_INTO_CGROUP|"0"/, 'it moves itself, and nobody else by number')
    }
    t.ok(clones >= 3, `${clones} processes began with our memory`)
    t.ok(moves.length >= 3, `${moves.length} went into a cgroup`)
    t.end()
  },
)

/** A new cgroup that may have 16 MB and no swap. */
function smallCgroup(t: Test): string {
  const cgroup = `/sys/fs/cgroup/memory/tsrun-test-sharer-${process.pid}`
  mkdirSync(cgroup)
  t.teardown(() => until(() => isRemoved(cgroup)))
  writeFileSync(`${cgroup}/memory.limit_in_bytes`, '16M')
  writeFileSync(`${cgroup}/memory.swappiness`, '0')
  return cgroup
}

/** Its last process may still be ending. */
function isRemoved(cgroup: string): boolean {
  try {
    rmdirSync(cgroup)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error
  }
  return !existsSync(cgroup)
}

t.test('why: the kernel would end us with it', { skip: missing('root', 'cc', 'cgroup-v1') }, async t => {
  const folder = mkdtempSync(join(tmpdir(), 'tsrun-sharer-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const sharer = join(folder, 'sharer')
  compileProgram(readFileSync('test/integration/sharer.c', 'utf8'), sharer)
  const procs = `${smallCgroup(t)}/cgroup.procs`
  const ends = (how: string) => {
    const { status, signal } = spawnSync(sharer, [procs, how], { timeout: 30_000, killSignal: 'SIGTERM' })
    return signal ?? status
  }
  t.equal(ends('without'), 0, 'a process that runs out of memory ends alone')
  t.equal(ends('with'), 'SIGKILL', 'one that shares our memory in its cgroup is chosen, and we go with it')
})
