/** Containers that are made of the same configuration, one after the other or at once. */
import { Container } from './container.js'
import type { Context } from './launch/context.js'
import { readBlueprint } from './operations/blueprint.js'
import type { BundleInput, ReadBundle } from './operations/bundle.js'
import {
  type CollectOptions,
  type Encoding,
  readCollectOptions,
  signalOf,
  withoutCollecting,
} from './operations/collect-options.js'
import { type Creating, create } from './operations/create.js'
import type { PreparedOptions } from './operations/create-options.js'
import { checkOptions } from './options.js'
import { type RunResult, runContainer } from './run.js'
import { randomName } from './sys/self.js'

export type PreparedRunOptions<E extends Encoding = 'utf8'> = Omit<PreparedOptions, 'signal'> &
  CollectOptions<E> & {
    /** Default: a fresh one. */
    readonly id?: string
  }

/** A configuration that has been read, checked and compiled, to make any number of containers of. It holds nothing of the host. */
export interface Prepared {
  /** As `runtime.create`: each container has its state, its cgroup and its namespaces, and what it takes of the host is opened anew. */
  create(id: string, options?: PreparedOptions): Promise<Container>
  /** As `runtime.run`. */
  run(options: PreparedRunOptions<'buffer'> & { readonly encoding: 'buffer' }): Promise<RunResult<'buffer'>>
  run(options?: PreparedRunOptions): Promise<RunResult>
}

/** @throws as `create` for what is wrong with the configuration */
export async function prepareBundle(context: Context, input: BundleInput): Promise<Prepared> {
  const found = await readBlueprint(context, input)
  const read = async (): Promise<ReadBundle> => found
  return {
    create: async (id, options = {}) => {
      checkOptions('prepared.create', options)
      return newContainer({ context, read, options: { ...options, id } })
    },
    run: async (options: PreparedRunOptions<Encoding> = {}) => {
      checkOptions('prepared.run', options)
      return runNew(context, options, made => newContainer({ context, read, options: made }))
    },
  }
}

/** @throws as `create` */
export async function newContainer(creating: Creating): Promise<Container> {
  const { context, options } = creating
  const made = await create(creating)
  const container = Container.from(context, made)
  // The network is set up from outside, when the container is there.
  try {
    if (options.network !== undefined) await container.network.setUp(options.network)
    if (made.timeline !== null) options.onTimeline?.(made.timeline)
    options.signal?.throwIfAborted()
    return container
  } catch (error) {
    await container[Symbol.asyncDispose]()
    throw error
  }
}

type Collecting = CollectOptions<Encoding> & { readonly id?: string }
type Making<O extends Collecting> = Omit<O, keyof CollectOptions> & {
  readonly id: string
  readonly signal?: AbortSignal
}

/** create, by `make`, then start, wait and delete. */
export async function runNew<O extends Collecting>(
  context: Context,
  options: O,
  make: (options: Making<O>) => Promise<Container>,
): Promise<RunResult & RunResult<'buffer'>> {
  const settings = readCollectOptions(options)
  const { id = randomName() } = options
  const container = await make({ ...withoutCollecting(options), ...signalOf(settings), id })
  const log = (message: string): void => context.log({ level: 'warning', message, id })
  return (await runContainer({ container, settings, log })) as RunResult & RunResult<'buffer'>
}
