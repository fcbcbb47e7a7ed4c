import { readFileSync } from 'node:fs'
import type { OciInteger, OciResources, UpdateInput, UpdateOptions } from '../../index.js'
import type { Call, Command, Flags } from '../command.js'
import { naming, runtimeOf } from '../open-runtime.js'

const STDIN = 0

export const command: Command = {
  summary: 'change the limits of a container',
  usage: '[command options] ID',
  description:
    'What is not given stays as it is. Sizes may end in k, m or g. With --resources, all other options are ignored.',
  flags: [
    {
      name: 'resources',
      short: 'r',
      value: 'FILE',
      completes: 'file',
      help: 'linux.resources as JSON; - reads standard input',
    },
    { name: 'blkio-weight', value: 'N', help: 'weight of block I/O, 10 to 1000' },
    { name: 'cpu-period', value: 'N', help: 'length of a period, in microseconds' },
    { name: 'cpu-quota', value: 'N', help: 'CPU time in a period, in microseconds; -1: no limit' },
    { name: 'cpu-burst', value: 'N', help: 'CPU time that may be saved up, in microseconds' },
    { name: 'cpu-share', value: 'N', help: 'share of the CPUs, against other containers' },
    { name: 'cpu-rt-period', value: 'N', help: 'period of realtime tasks, in microseconds' },
    { name: 'cpu-rt-runtime', value: 'N', help: 'CPU time of realtime tasks in a period, in microseconds' },
    { name: 'cpuset-cpus', value: 'LIST', help: 'the CPUs, such as 0-3,7' },
    { name: 'cpuset-mems', value: 'LIST', help: 'the memory nodes' },
    { name: 'kernel-memory', value: 'SIZE', help: 'obsolete', isHidden: true },
    { name: 'kernel-memory-tcp', value: 'SIZE', help: 'obsolete', isHidden: true },
    { name: 'memory', value: 'SIZE', help: 'memory limit; -1: none' },
    { name: 'memory-reservation', value: 'SIZE', help: 'soft memory limit' },
    { name: 'memory-swap', value: 'SIZE', help: 'memory and swap together; -1: no limit' },
    { name: 'pids-limit', value: 'N', help: 'number of processes; -1: no limit' },
    { name: 'l3-cache-schema', value: 'TEXT', help: 'shares of the cache, such as L3:0=f;1=f0' },
    { name: 'mem-bw-schema', value: 'TEXT', help: 'shares of memory bandwidth, such as MB:0=20' },
    { name: 'cpu-idle', value: 'N', help: '1: only when no other container needs the CPUs' },
  ],
  arguments: { min: 1, max: 1 },
  completes: ['container'],
  run: update,
}

async function update({ flags, args: [id = ''], globals }: Call): Promise<number> {
  const container = await runtimeOf(globals).get(id)
  const file = flags.text('resources')
  await naming(file === '-' ? 'standard input' : file, () => container.update(inputOf(flags), sharesOf(flags)))
  return 0
}

function sharesOf(flags: Flags): UpdateOptions {
  const [l3CacheSchema, memBwSchema] = ['l3-cache-schema', 'mem-bw-schema'].map(name => flags.text(name) || undefined)
  return { ...(l3CacheSchema !== undefined && { l3CacheSchema }), ...(memBwSchema !== undefined && { memBwSchema }) }
}

function inputOf(flags: Flags): UpdateInput {
  const file = flags.text('resources')
  if (file) return readFileSync(file === '-' ? STDIN : file)
  return resourcesOf(flags)
}

function resourcesOf(flags: Flags): OciResources {
  const number = (name: string): OciInteger | undefined => given(flags, name, parseNumber)
  const size = (name: string): OciInteger | undefined => given(flags, name, parseSize)
  const weight = number('blkio-weight')
  const pids = number('pids-limit')
  return {
    ...(weight !== undefined && { blockIO: { weight } }),
    ...(pids !== undefined && { pids: { limit: pids } }),
    cpu: present({
      period: number('cpu-period'),
      quota: number('cpu-quota'),
      burst: number('cpu-burst'),
      shares: number('cpu-share'),
      realtimePeriod: number('cpu-rt-period'),
      realtimeRuntime: number('cpu-rt-runtime'),
      cpus: flags.text('cpuset-cpus'),
      mems: flags.text('cpuset-mems'),
      idle: number('cpu-idle'),
    }),
    memory: present({
      limit: size('memory'),
      reservation: size('memory-reservation'),
      swap: size('memory-swap'),
      kernel: size('kernel-memory'),
      kernelTCP: size('kernel-memory-tcp'),
    }),
  }
}

type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

function present<T extends object>(fields: T): Present<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<T>
}

/** "" says as little as a flag that is not there. */
function given(flags: Flags, name: string, parse: (text: string) => OciInteger | null): OciInteger | undefined {
  const text = flags.text(name)
  if (!text) return undefined
  const value = parse(text)
  if (value === null) throw new Error(`invalid value for ${name}: ${text}`)
  return value
}

const parseNumber = (text: string): bigint | null => (/^-?[0-9]+$/.test(text) ? BigInt(text) : null)

const POWERS = ['', 'k', 'm', 'g', 't', 'p']

/** Bytes: `64m`, `1.5GiB`, `4096`, `-1`; powers of 1024 in any spelling. */
function parseSize(text: string): bigint | null {
  if (text === '-1') return -1n
  const [, amount, unit = ''] = /^([0-9]+(?:\.[0-9]+)?) ?(?:([kmgtp])i?)?b?$/i.exec(text) ?? []
  if (amount === undefined) return null
  const scale = 1024 ** POWERS.indexOf(unit.toLowerCase())
  return amount.includes('.') ? BigInt(Math.trunc(Number(amount) * scale)) : BigInt(amount) * BigInt(scale)
}
