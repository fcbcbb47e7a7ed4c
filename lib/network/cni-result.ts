/** What plugins tell of a network that they have made (Container Network Interface, section 5). */

export interface CniAddress {
  /** With the length of its prefix: `10.88.0.2/16`. */
  readonly address: string
  readonly gateway: string | null
}

export interface CniDns {
  readonly nameservers: readonly string[]
  readonly domain: string | null
  readonly search: readonly string[]
  readonly options: readonly string[]
}

export interface CniResult {
  readonly addresses: readonly CniAddress[]
  readonly dns: CniDns
  /** As the last plugin gave it. */
  readonly document: Readonly<Record<string, unknown>>
}

type Json = Readonly<Record<string, unknown>>

const asObject = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {})
const textOrNull = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null)
const textsIn = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter(one => typeof one === 'string' && !/[\r\n]/.test(one)) : []

export function readCniResult(document: Json): CniResult {
  const { ips, dns } = document
  const { nameservers, domain, search, options } = asObject(dns)
  const addresses = (Array.isArray(ips) ? ips : []).map(asObject).flatMap(({ address, gateway }) => {
    const text = textOrNull(address)
    return text === null ? [] : [{ address: text, gateway: textOrNull(gateway) }]
  })
  const names = { nameservers: textsIn(nameservers), search: textsIn(search), options: textsIn(options) }
  return { addresses, dns: { ...names, domain: textsIn([domain])[0] ?? null }, document }
}

/** An /etc/resolv.conf (resolv.conf(5)); "" if there is nothing to tell. */
export function resolverText({ nameservers, domain, search, options }: CniDns): string {
  const lines = [
    ...(domain === null ? [] : [`domain ${domain}`]),
    ...(search.length === 0 ? [] : [`search ${search.join(' ')}`]),
    ...nameservers.map(address => `nameserver ${address}`),
    ...(options.length === 0 ? [] : [`options ${options.join(' ')}`]),
  ]
  return lines.map(line => `${line}\n`).join('')
}
