/** What is on disk of a container before anything is made. */
import type { Cgroup } from '../cgroup/index.js'
import { makesNamespace } from '../compile/index.js'
import type { Context } from '../launch/context.js'
import { stepsOf } from '../launch/report.js'
import type { Plan } from '../plan/plan.js'
import type { ClassRecord } from '../resctrl/filesystem.js'
import type { ContainerRecord } from '../store/container-record.js'
import { utcText } from '../sys/utc.js'
import type { Bundle } from './bundle.js'
import { thisOwner } from './sweep.js'

interface Known {
  readonly context: Context
  readonly options: {
    readonly id: string
    readonly noNewKeyring?: boolean
    readonly detached?: boolean
    readonly leavesStatus?: boolean
  }
  readonly bundle: Bundle
  readonly plan: Plan
  readonly cgroup: Cgroup
  readonly rdt: ClassRecord | null
}

/** Takes the id for as long as `make` is at work. */
export async function withReserved<T>(known: Known, make: (first: ContainerRecord) => Promise<T>): Promise<T> {
  // Before the id is taken: a cgroup that can't be is told here.
  const first = firstRecord(known)
  const lock = known.context.store.reserve(known.options.id)
  try {
    return await make(first)
  } finally {
    lock.release()
  }
}

function firstRecord({ context, options, bundle, plan, cgroup, rdt }: Known): ContainerRecord {
  const { config } = bundle
  const start = plan.ops.findIndex(({ op }) => op === 'await_start')
  return {
    version: 1,
    id: options.id,
    ociVersion: config.ociVersion,
    bundle: bundle.directory ?? context.store.directory(options.id),
    rootfs: bundle.rootfs,
    layered: layersOf(bundle),
    created: utcText(new Date()),
    phase: 'creating',
    pid: 0,
    startTime: '',
    annotations: config.annotations,
    ownPidNamespace: makesNamespace(config, 'pid'),
    hooks: ['startContainer', 'poststart', 'poststop'].some(kind => config.hooks[kind as 'poststop'].length > 0),
    startable: config.process !== null,
    noNewKeyring: options.noNewKeyring ?? false,
    tail: stepsOf(plan, start),
    cgroup: cgroup.toJSON(),
    owner: options.detached || options.leavesStatus ? null : thisOwner(),
    reaps: plan.ops.some(({ op }) => op === 'reap'),
    rdt,
  }
}

function layersOf({ layered }: Bundle): NonNullable<ContainerRecord['layered']> | null {
  if (layered === null) return null
  const { layers, upper } = layered
  return { layers, upper: 'directory' in upper ? `${upper.directory}/upper` : null }
}
