/** Network devices and their addresses, in any network namespace: what a device needs to be moved to another one. */
import { isErrno } from '../sys/errno.js'
import { attributesOf, type NetlinkSocket, textOf, textValue, uint32Value } from '../sys/netlink.js'
import { randomName } from '../sys/self.js'

const RTM_GETLINK = 18
const RTM_SETLINK = 19
const RTM_NEWADDR = 20
const RTM_GETADDR = 22
const NLM_F_CREATE_EXCL = 0x600
const IFLA = { IFNAME: 3, NET_NS_FD: 28 } as const
const IFA = { ADDRESS: 1, LOCAL: 2, LABEL: 3, BROADCAST: 4, CACHEINFO: 6, FLAGS: 8, RT_PRIORITY: 9, PROTO: 11 } as const
const IFF_UP = 1
const SCOPE_GLOBAL = 0
const IFA_F_PERMANENT = 0x80
/** What an address is made with; the other flags tell what has become of it. IFA_F_NODAD to IFA_F_STABLE_PRIVACY. */
const SETTABLE = 0x02 | 0x10 | 0x100 | 0x200 | 0x400 | 0x800
const LINK_BYTES = 16
const ADDRESS_BYTES = 8
const LONGEST_NAME = 15

export interface Link {
  readonly index: number
  readonly name: string
  readonly isUp: boolean
}

/** An address as the kernel described it. */
export interface Address {
  readonly family: number
  readonly prefix: number
  readonly flags: number
  readonly attributes: ReadonlyMap<number, Buffer>
}

function linkHeader({ index = 0, flags = 0, change = 0 }: { index?: number; flags?: number; change?: number }): Buffer {
  const header = Buffer.alloc(LINK_BYTES)
  header.writeInt32LE(index, 4)
  header.writeUInt32LE(flags, 8)
  header.writeUInt32LE(change, 12)
  return header
}

/** The device of that name or index. @throws {SystemError} ENODEV */
export function findLink(socket: NetlinkSocket, which: { name: string } | { index: number }): Link {
  const attributes = 'name' in which ? [[IFLA.IFNAME, textValue(which.name)] as const] : []
  const header = linkHeader('index' in which ? which : {})
  const [message] = socket.request({ name: 'RTM_GETLINK', type: RTM_GETLINK, header, attributes })
  if (message === undefined) throw new RangeError('the kernel has acknowledged RTM_GETLINK without an answer')
  const { body } = message
  const name = textOf(attributesOf(body, LINK_BYTES).get(IFLA.IFNAME) ?? Buffer.alloc(0))
  return { index: body.readInt32LE(4), name, isUp: (body.readUInt32LE(8) & IFF_UP) !== 0 }
}

export function hasLink(socket: NetlinkSocket, name: string): boolean {
  try {
    findLink(socket, { name })
    return true
  } catch (error) {
    if (isErrno(error, 'ENODEV')) return false
    throw error
  }
}

/** The permanent addresses of global scope, of any family. */
export function addressesOf(socket: NetlinkSocket, index: number): Address[] {
  const header = Buffer.alloc(ADDRESS_BYTES)
  header.writeUInt32LE(index, 4)
  const messages = socket.request({ name: 'RTM_GETADDR', type: RTM_GETADDR, dump: true, header, attributes: [] })
  return messages.flatMap(({ body }) => {
    const attributes = attributesOf(body, ADDRESS_BYTES)
    const flags = attributes.get(IFA.FLAGS)?.readUInt32LE(0) ?? body.readUInt8(2)
    const isKept = body.readUInt8(3) === SCOPE_GLOBAL && (flags & IFA_F_PERMANENT) !== 0
    return isKept ? [{ family: body.readUInt8(0), prefix: body.readUInt8(1), flags, attributes }] : []
  })
}

interface Addressed {
  readonly link: Link
  /** Its name when it had the addresses. */
  readonly formerName: string
  readonly addresses: readonly Address[]
}

function addAddresses(socket: NetlinkSocket, { link, formerName, addresses }: Addressed): void {
  for (const { family, prefix, flags, attributes } of addresses) {
    const header = Buffer.from([family, prefix, 0, SCOPE_GLOBAL, 0, 0, 0, 0])
    header.writeUInt32LE(link.index, 4)
    const kept = [IFA.ADDRESS, IFA.LOCAL, IFA.BROADCAST, IFA.CACHEINFO, IFA.RT_PRIORITY, IFA.PROTO].flatMap(type => {
      const value = attributes.get(type)
      return value === undefined ? [] : [[type, value] as const]
    })
    const label = labelOf(attributes.get(IFA.LABEL), formerName, link.name)
    const all = [...kept, ...label, [IFA.FLAGS, uint32Value(flags & SETTABLE)] as const]
    socket.request({ name: 'RTM_NEWADDR', type: RTM_NEWADDR, flags: NLM_F_CREATE_EXCL, header, attributes: all })
  }
}

/** An alias (eth0:1) follows the device's name if there is room; else, and without one, the kernel uses the name itself. */
function labelOf(value: Buffer | undefined, formerName: string, name: string): [number, Buffer][] {
  const label = value === undefined ? '' : textOf(value)
  const suffix = label.startsWith(`${formerName}:`) ? label.slice(formerName.length) : ''
  const renamed = `${name}${suffix}`
  return suffix === '' || Buffer.byteLength(renamed) > LONGEST_NAME ? [] : [[IFA.LABEL, textValue(renamed)]]
}

function setLink(socket: NetlinkSocket, header: Buffer, attributes: readonly (readonly [number, Buffer])[] = []): void {
  socket.request({ name: 'RTM_SETLINK', type: RTM_SETLINK, header, attributes })
}

export interface Transfer {
  readonly from: NetlinkSocket
  readonly to: NetlinkSocket
  /** A descriptor of the network namespace that `to` is in. */
  readonly namespace: number
  /** Where it is now. */
  readonly link: Link
  readonly addresses: readonly Address[]
  /** The name that it is to have; one with %d is completed by the kernel. */
  readonly name: string
  readonly isUp: boolean
}

/**
 * Moves a device: it goes down and loses its addresses on the way, and gets them again. If this fails half way
 * the device may be in either namespace: `found` tells where it was last.
 *
 * The index may change, the name may be taken there, and of two names the kernel looks at one only: so it travels under a
 * name that nobody has.
 */
export function transfer(
  { from, to, namespace, link, addresses, name, isUp }: Transfer,
  found: (link: Link) => void,
): Link {
  const travelName = randomName().replace('-', '').slice(0, LONGEST_NAME)
  setLink(from, linkHeader({ index: link.index }), [
    [IFLA.NET_NS_FD, uint32Value(namespace)],
    [IFLA.IFNAME, textValue(travelName)],
  ])
  const { index } = findLink(to, { name: travelName })
  found({ ...link, index })
  setLink(to, linkHeader({ index }), [[IFLA.IFNAME, textValue(name)]])
  const arrived = findLink(to, { index })
  found(arrived)
  addAddresses(to, { link: arrived, formerName: link.name, addresses })
  if (isUp) setLink(to, linkHeader({ index, flags: IFF_UP, change: IFF_UP }))
  return arrived
}
