/** What the tests of the specification have in common: trying what must be refused, and reading the kernel's own tables. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync, readlinkSync } from 'node:fs'
import type { Test } from 'tap'
import type { Container } from '../../lib/index.js'
import type { TestBundle, TestConfig } from '../bundle.js'
import { until } from '../until.js'

export { until }

export type Change = (config: TestConfig) => void

/** The error of a create with this configuration, which must leave no container; undefined where it succeeds. */
export async function createError({ runtime, bundle, configure, id }: TestBundle, change: Change): Promise<unknown> {
  configure(change)
  try {
    const container = await runtime.create({ id: id('refused'), bundle, stdio: 'ignore' })
    await container.delete({ force: true })
    return undefined
  } catch (error) {
    const left = await runtime.list()
    if (left.length > 0) throw new Error('a failed create has left a container', { cause: error })
    return error
  }
}

/** What an invalid configuration is answered with: a ConfigError that names these fields. */
export const invalid = (...paths: readonly string[]) => ({
  name: 'ConfigError',
  code: 'ERR_CONFIG_INVALID',
  issues: paths.map(path => ({ path })),
})

/** A created container that sleeps once it is started; removed at the end of the test. */
export async function createSleeper(
  { runtime, bundle, configure, id }: TestBundle,
  change: Change = () => {},
): Promise<Container> {
  configure(config => {
    config.process.args = ['/bin/sleep', '100']
    change(config)
  })
  return runtime.create({ id: id(), bundle, stdio: 'ignore' })
}

/** The namespace that a process is in, such as `uts:[4026531838]`. */
export const namespaceOf = (pid: number | 'self', file: string): string => readlinkSync(`/proc/${pid}/ns/${file}`)

/** A process of the host that `unshare` gives namespaces of its own; killed at the end of the test. */
export async function namespaceHolder(t: Test, file: string, ...flags: readonly string[]): Promise<ChildProcess> {
  const holder = spawn('unshare', [...flags, 'sleep', '100'], { stdio: 'ignore' })
  const gone = new Promise(resolve => holder.once('exit', resolve))
  t.teardown(async () => {
    holder.kill('SIGKILL')
    await gone
  })
  await until(
    () => commandOf(holder.pid ?? 0) === 'sleep' && namespaceOf(holder.pid ?? 0, file) !== namespaceOf('self', file),
  )
  return holder
}

const commandOf = (pid: number): string => readFileSync(`/proc/${pid}/comm`, 'utf8').trim()

export interface MountEntry {
  /** The part of the file system that is mounted. */
  readonly root: string
  readonly point: string
  /** Of the mount itself. */
  readonly options: readonly string[]
  /** `shared:N`, `master:N`, `unbindable`. */
  readonly propagation: readonly string[]
  readonly type: string
  readonly source: string
  /** Of the file system. */
  readonly superblock: readonly string[]
}

/** The lines of a mountinfo file, in its order. */
export function parseMounts(mountinfo: string): readonly MountEntry[] {
  return mountinfo
    .trim()
    .split('\n')
    .map(line => {
      const [mount = '', system = ''] = line.split(' - ')
      const [, , , root = '', point = '', options = '', ...propagation] = mount.split(' ')
      const [type = '', source = '', superblock = ''] = system.split(' ')
      return { root, point, options: options.split(','), propagation, type, source, superblock: superblock.split(',') }
    })
}

/** What is mounted at that point, on top of everything else there. */
export function mountAt(mountinfo: string, point: string): MountEntry {
  const found = parseMounts(mountinfo).findLast(entry => entry.point === point)
  if (found === undefined) throw new Error(`nothing is mounted at ${point}:\n${mountinfo}`)
  return found
}

export const lines = (text: string): string[] => text.trim().split('\n')

/** True where this machine has no cgroup v1 hierarchy with controllers. */
export const unifiedOnly = (): boolean => !/^[0-9]+:(?!name=)[^:]+:/m.test(readFileSync('/proc/self/cgroup', 'utf8'))
