/** Bundles with hooks that leave traces. */
import { mkdirSync, readFileSync } from 'node:fs'
import type { Test } from 'tap'
import { makeBundle, type TestConfig } from '../bundle.js'

export const KINDS = [
  'prestart',
  'createRuntime',
  'createContainer',
  'startContainer',
  'poststart',
  'poststop',
] as const
export type Kind = (typeof KINDS)[number]
export type HookInput = NonNullable<NonNullable<TestConfig['hooks']>[Kind]>[number]

/** A bundle with a directory that hooks can write to, inside of the container and outside of it. */
export function bundleWithLog(t: Test) {
  const bundle = makeBundle(t)
  const log = `${bundle.directory}/log`
  mkdirSync(log)
  const configure = (change: (config: TestConfig) => void) =>
    bundle.configure(config => {
      config.process.args = ['/bin/sh', '-c', 'sleep 100']
      config.mounts.push({ destination: log, source: log, options: ['bind'] })
      change(config)
    })
  /** Runs a script in the shell of whatever root the hook is in. */
  const script = (text: string): HookInput => ({
    path: '/bin/sh',
    args: ['sh', '-c', text],
    env: ['PATH=/bin:/usr/bin'],
  })
  const read = (name: string): string => readFileSync(`${log}/${name}`, 'utf8')
  return { ...bundle, log, configure, script, read }
}

export type HookBundle = ReturnType<typeof bundleWithLog>

/** create, start, kill and delete. */
export async function live({ runtime, bundle, id }: HookBundle) {
  const container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
  await container.start()
  await container.kill('KILL')
  await container.wait()
  await container.delete()
  return container
}

export const eachKind = (hooksOf: (kind: Kind) => HookInput[]) =>
  Object.fromEntries(KINDS.map(kind => [kind, hooksOf(kind)]))
