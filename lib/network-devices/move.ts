/** The host's network devices that move to the container (config-linux.md#network-devices). */

import type { NetDevice } from '../config/config.js'
import { LaunchError, type SystemError } from '../errors.js'
import { attempt } from '../host/attempt.js'
import { closeFd, closeFds } from '../sys/beneath.js'
import { fileStatus, openRead } from '../sys/file.js'
import { type NetlinkSocket, openNetlink } from '../sys/netlink.js'
import { type Address, addressesOf, findLink, hasLink, type Link, transfer } from './links.js'

/** A device on its way: all that is needed to bring it back. */
interface Traveller {
  readonly device: NetDevice
  /** As it was on the host. */
  readonly home: Link
  readonly addresses: readonly Address[]
  /** Where it is in the container's namespace; null: still at home. */
  away: Link | null
}

interface Ends {
  readonly home: NetlinkSocket
  readonly homeNamespace: number
  readonly there: NetlinkSocket
  readonly thereNamespace: number
}

export interface MovedDevices {
  /** Brings them back as they were, also when the container's processes are gone; returns what went wrong. */
  restore(): Error[]
  /** Lets go of the namespaces. To be called at the end, whatever it was. */
  release(): void
}

const PHASE = 'MOUNT'

/**
 * Moves the devices to the network namespace of `pid`, with their names there, their permanent addresses of global scope,
 * and up. All is checked before the first one moves, and if one fails those before it come back.
 * @throws {LaunchError} ERR_LAUNCH_OP naming the device
 */
export function moveNetDevices(devices: readonly NetDevice[], pid: number): MovedDevices {
  const ends = openEnds(pid)
  const travellers: Traveller[] = []
  const moved = {
    restore: () => bringBack(ends, travellers),
    release: () => {
      ends.home.close()
      ends.there.close()
      closeFd(ends.homeNamespace)
      closeFd(ends.thereNamespace)
    },
  }
  try {
    for (const device of devices) travellers.push(prepare(ends, device))
    for (const traveller of travellers) send(ends, traveller)
    return moved
  } catch (error) {
    moved.restore()
    moved.release()
    throw error
  }
}

function openEnds(pid: number): Ends {
  const origin = '/linux/netDevices'
  const [ours, theirs] = ['/proc/self/ns/net', `/proc/${pid}/ns/net`]
  return attempt({ origin, what: theirs, phase: PHASE, advice }, () => {
    if (fileStatus(ours).inode === fileStatus(theirs).inode) throw sameNamespace(origin)
    const homeNamespace = openRead(ours)
    const opened = [homeNamespace]
    try {
      const thereNamespace = openRead(theirs)
      opened.push(thereNamespace)
      const there = openNetlink(thereNamespace)
      return { home: openNetlink(null), homeNamespace, there, thereNamespace }
    } catch (error) {
      closeFds(opened)
      throw error
    }
  })
}

const sameNamespace = (configPath: string): LaunchError =>
  new LaunchError('ERR_LAUNCH_OP', `${configPath}: the container is in the network namespace of the runtime`, {
    ...NO_CALL,
    configPath,
  })

const NO_CALL = { configPath: '', op: 'prepare', phase: PHASE, syscall: '', errno: '', signal: null } as const

/** The kernel may have put its reason into words. */
const advice = (errno: string, { path: words }: SystemError): string => {
  if (errno === 'EPERM') return 'network devices are moved with CAP_NET_ADMIN in both network namespaces'
  return words.startsWith('/') || words === 'netlink' ? '' : words
}

const isTemplate = (name: string): boolean => name.includes('%')

function prepare({ home, there }: Ends, device: NetDevice): Traveller {
  const { name, target, origin } = device
  const attempted = { origin, what: JSON.stringify(name), phase: PHASE, advice }
  const link = attempt(attempted, () => findLink(home, { name }))
  const isTaken = !isTemplate(target) && attempt(attempted, () => hasLink(there, target))
  if (isTaken) {
    const message = `${origin}: the container's network namespace has a device ${JSON.stringify(target)} already`
    throw new LaunchError('ERR_LAUNCH_OP', message, { ...NO_CALL, configPath: origin, errno: 'EEXIST' })
  }
  return { device, home: link, addresses: attempt(attempted, () => addressesOf(home, link.index)), away: null }
}

function send({ home, there, thereNamespace }: Ends, traveller: Traveller): void {
  const { device, home: link, addresses } = traveller
  const what = `${JSON.stringify(device.name)} as ${JSON.stringify(device.target)}`
  attempt({ origin: device.origin, what, phase: PHASE, advice }, () =>
    transfer(
      { from: home, to: there, namespace: thereNamespace, link, addresses, name: device.target, isUp: true },
      where => {
        traveller.away = where
      },
    ),
  )
}

function bringBack({ home, there, homeNamespace }: Ends, travellers: readonly Traveller[]): Error[] {
  const failures: Error[] = []
  for (const { away, addresses, home: former } of [...travellers].reverse()) {
    if (away === null) continue
    const { name, isUp } = former
    try {
      transfer({ from: there, to: home, namespace: homeNamespace, link: away, addresses, name, isUp }, () => {})
    } catch (error) {
      failures.push(error instanceof Error ? error : new Error(String(error)))
    }
  }
  return failures
}
