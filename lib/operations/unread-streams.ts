/** What a container's processes have written and nobody reads holds a descriptor: it is let go of when the container is deleted. */
import type { Streams } from '../launch/stdio.js'
import type { ContainerRecord } from '../store/container-record.js'
import type { Readable } from '../streams.js'

type Named = Pick<ContainerRecord, 'id' | 'created'>

const open = new Map<string, Set<Readable>>()

const nameOf = ({ id, created }: Named): string => `${created} ${id}`

/** Of its first process, or of another one in it. */
export function noteStreams(record: Named, { stdout, stderr, terminal }: Streams): void {
  const name = nameOf(record)
  for (const stream of [stdout, stderr, terminal]) {
    if (stream === null || stream.destroyed) continue
    const streams = open.get(name) ?? new Set()
    open.set(name, streams.add(stream))
    stream.once('close', () => {
      streams.delete(stream)
      if (streams.size === 0 && open.get(name) === streams) open.delete(name)
    })
  }
}

/**
 * To be called when its processes have ended. What nobody has begun to read is dropped, as node:child_process does it when a process
 * exits; who has begun gets the rest.
 */
export function dropUnread(record: Named): void {
  for (const stream of open.get(nameOf(record)) ?? []) {
    const isBegun = stream.readableFlowing !== null || stream.listenerCount('readable') > 0
    if (!isBegun) stream.resume()
  }
}
