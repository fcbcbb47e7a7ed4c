/** Routes that make addresses local: what listens on them in the network namespace gets what is sent to them there. */
import { isErrno } from '../sys/errno.js'
import { formatPrefix, type Prefix } from '../sys/ip-address.js'
import { type NetlinkSocket, uint32Value } from '../sys/netlink.js'

const RTM_NEWROUTE = 24
const NLM_F_CREATE_EXCL = 0x600
const FAMILY = { 4: 2, 16: 10 } as const
/** RT_TABLE_MAIN: after the addresses that the kernel itself calls local. */
const TABLE = 254
const PROTOCOL_STATIC = 4
const SCOPE_HOST = 254
const TYPE_LOCAL = 2
const RTA = { DST: 1, OIF: 4 } as const
/** The loopback device of every network namespace. */
const LOOPBACK = 1

/** As `ip route add local PREFIX dev lo`; one that is there already is fine. @throws {SystemError} with the prefix as path */
export function addLocalRoutes(socket: NetlinkSocket, prefixes: readonly Prefix[]): void {
  for (const prefix of prefixes) {
    try {
      addLocalRoute(socket, prefix)
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error
    }
  }
}

function addLocalRoute(socket: NetlinkSocket, prefix: Prefix): void {
  const { bytes, bits } = prefix
  const family = bytes.length === 4 ? FAMILY[4] : FAMILY[16]
  const scope = bytes.length === 4 ? SCOPE_HOST : 0
  const header = Buffer.from([family, bits, 0, 0, TABLE, PROTOCOL_STATIC, scope, TYPE_LOCAL, 0, 0, 0, 0])
  const destination = bits === 0 ? [] : [[RTA.DST, bytes] as const]
  socket.request({
    name: `RTM_NEWROUTE ${formatPrefix(prefix)}`,
    ...{ type: RTM_NEWROUTE, flags: NLM_F_CREATE_EXCL, header },
    attributes: [...destination, [RTA.OIF, uint32Value(LOOPBACK)]],
  })
}
