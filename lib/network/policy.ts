/** Which names and addresses may be connected to, and at which ports. */
import { optionError } from '../config/option.js'
import { isWithin, type Prefix, parsePrefix } from '../sys/ip-address.js'
import { type NamePattern, parsePattern } from './name-pattern.js'
import { embeddedIn } from './refused-addresses.js'

/**
 * `HOST:PORT`, or several ports as `HOST:80,443`. HOST is a name, `*.name` for all names below it, `*` for any name, an address (that of IPv6
 * in brackets), or a prefix such as `10.0.0.0/8`.
 */
export type AllowEntry = string
/** As `AllowEntry`; without a port it is all of them. */
export type DenyEntry = string

interface NameRule extends NamePattern {
  readonly kind: 'name'
  /** null: all. */
  readonly ports: readonly number[] | null
}

interface AddressRule {
  readonly kind: 'address'
  readonly prefix: Prefix
  readonly ports: readonly number[] | null
}

type Rule = NameRule | AddressRule

export interface PolicyLists {
  readonly allow?: readonly AllowEntry[]
  readonly deny?: readonly DenyEntry[]
}

/** What the lists say: `unknown` if neither names it. */
export type Decision = 'allow' | 'deny' | 'unknown'

export interface Policy {
  /** Of a name, lower case, without a dot at its end. */
  ofName(name: string, port: number): Decision
  /** Of an address that is meant as such. */
  ofAddress(address: Uint8Array, port: number): Decision
  /** The ports at which the lists allow the name. */
  portsOf(name: string): readonly number[]
  /** False: the name is refused at every port. */
  mayAsk(name: string): boolean
  /** Addresses and prefixes that are allowed, with their ports. */
  readonly addresses: readonly { readonly prefix: Prefix; readonly ports: readonly number[] }[]
}

/** @throws {ConfigError} ERR_CONFIG_INVALID naming the entry */
export function readPolicy({ allow = [], deny = [] }: PolicyLists): Policy {
  const allowed = readEntries(allow, 'allow')
  const denied = readEntries(deny, 'deny')
  const ofName = (name: string, port: number): Decision => {
    const applies = (rule: Rule): boolean => rule.kind === 'name' && rule.matches(name) && hasPort(rule, port)
    return decide(applies)
  }
  const ofAddress = (address: Uint8Array, port: number): Decision => {
    const applies = (one: Uint8Array) => (rule: Rule) =>
      rule.kind === 'address' && isWithin(one, rule.prefix) && hasPort(rule, port)
    // What is denied is not to be reached by another way of writing it.
    const inside = embeddedIn(address)
    return inside !== null && denied.some(applies(inside)) ? 'deny' : decide(applies(address))
  }
  const decide = (applies: (rule: Rule) => boolean): Decision => {
    if (denied.some(applies)) return 'deny'
    return allowed.some(applies) ? 'allow' : 'unknown'
  }
  const portsOf = (name: string): readonly number[] => {
    const named = allowed.flatMap(rule => (rule.kind === 'name' && rule.matches(name) ? (rule.ports ?? []) : []))
    return [...new Set(named)].filter(port => ofName(name, port) === 'allow')
  }
  const mayAsk = (name: string): boolean =>
    !denied.some(rule => rule.kind === 'name' && rule.ports === null && rule.matches(name))
  const addresses = allowed.flatMap(rule =>
    rule.kind === 'address' ? [{ prefix: rule.prefix, ports: rule.ports ?? [] }] : [],
  )
  return { ofName, ofAddress, portsOf, mayAsk, addresses }
}

const hasPort = ({ ports }: Rule, port: number): boolean => ports === null || ports.includes(port)

function readEntries(entries: readonly string[], list: 'allow' | 'deny'): readonly Rule[] {
  if (!Array.isArray(entries)) throw optionError({ option: list, expected: 'an array', received: entries })
  return entries.map((entry, index) => readEntry(entry, `${list}[${index}]`, list === 'allow'))
}

const EXPECTED = '"HOST:PORT" with a name, "*.name", "*", an address or a prefix, and one or more ports ("host:80,443")'

function readEntry(entry: unknown, option: string, needsPort: boolean): Rule {
  const wrong = () => optionError({ option, expected: EXPECTED, received: entry })
  if (typeof entry !== 'string') throw wrong()
  const [, bracketed, plain, list] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::([0-9,]+))?$/.exec(entry) ?? []
  const host = bracketed ?? plain
  const ports = list === undefined ? null : readPorts(list)
  if (host === undefined || ports === undefined || (ports === null && needsPort)) throw wrong()
  const prefix = parsePrefix(host)
  if (prefix !== null && (bracketed !== undefined) === (prefix.bytes.length === 16))
    return { kind: 'address', prefix, ports }
  const pattern = bracketed === undefined ? parsePattern(host) : null
  if (pattern === null) throw wrong()
  return { kind: 'name', ...pattern, ports }
}

/** undefined if one of them is no port. */
function readPorts(list: string): readonly number[] | undefined {
  const ports = list.split(',').map(text => (/^[1-9][0-9]{0,4}$/.test(text) ? Number(text) : 0))
  return ports.every(port => port > 0 && port < 65536) ? [...new Set(ports)] : undefined
}
