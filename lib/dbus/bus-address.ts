/** Where a bus is. */
import { SystemError } from '../errors.js'
import { effectiveUid, environment } from '../sys/self.js'

const SYSTEM_BUS = 'unix:path=/run/dbus/system_bus_socket'

/**
 * The paths of its socket, to be tried one after the other.
 * @throws {SystemError} ENOENT if nobody says where the user's bus is; EAFNOSUPPORT for an address that is no path
 */
export function socketPaths(which: 'system' | 'user'): readonly string[] {
  const address = which === 'system' ? systemAddress() : userAddress()
  const paths = address.split(';').flatMap(pathIn)
  if (paths.length > 0) return paths
  throw new SystemError({ syscall: 'connect', errno: 'EAFNOSUPPORT', path: address })
}

const systemAddress = (): string => environment().DBUS_SYSTEM_BUS_ADDRESS || SYSTEM_BUS

function userAddress(): string {
  const { DBUS_SESSION_BUS_ADDRESS: address, XDG_RUNTIME_DIR: folder } = environment()
  if (address) return address
  if (folder) return `unix:path=${escapeValue(folder)}/bus`
  const path = `/run/user/${effectiveUid()}/bus`
  const hint = 'neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is set'
  throw new SystemError({ syscall: 'connect', errno: 'ENOENT', path }, { hint })
}

/** As an address has it: what is no letter, digit or one of a few signs is written as %XX. */
const escapeValue = (text: string): string =>
  Array.from(Buffer.from(text), byte => {
    const letter = String.fromCharCode(byte)
    return /[-0-9A-Za-z_/.*]/.test(letter) ? letter : `%${byte.toString(16).padStart(2, '0')}`
  }).join('')

/** `unix:path=/a%20b,guid=...` */
function pathIn(address: string): readonly string[] {
  const [, values] = /^unix:(.*)$/.exec(address) ?? []
  const path = values?.split(',').find(value => value.startsWith('path='))
  return path === undefined ? [] : [unescapeValue(path.slice('path='.length))]
}

function unescapeValue(text: string): string {
  const bytes = text.match(/%[0-9a-f]{2}|./gisu) ?? []
  return Buffer.concat(
    bytes.map(part => (part.length === 3 ? Buffer.from(part.slice(1), 'hex') : Buffer.from(part))),
  ).toString('utf8')
}
