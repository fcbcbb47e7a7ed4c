/** What has been refused, for people and for judges. */

export interface Denial {
  /** Of the container. */
  readonly container: string
  /** The name, or the address if the program knew no name. */
  readonly host: string
  /** null: the name was refused when it was looked up. */
  readonly port: number | null
  /**
   * `policy`: the lists do not allow it; `asked`: `onConnect` has refused it; `address`: the name resolves to addresses that are not for
   * everybody, and that the policy does not name; `limit`: there are too many connections; `lookup-timeout`: it was not known in time what
   * the name resolves to; `udp`: it was UDP, or QUIC, which no policy allows.
   */
  readonly reason: 'policy' | 'asked' | 'address' | 'limit' | 'lookup-timeout' | 'udp'
  /** Of the first time. */
  readonly time: Date
  /** How often. */
  readonly count: number
}

export interface Denials {
  /** `times`: so often at once, default 1. */
  add(denial: Omit<Denial, 'time' | 'count'>, times?: number): void
  list(): readonly Denial[]
}

/** The same again counts up the one that is there. */
const MOST = 1000

/** `tell` hears of each once. What has not been seen for the longest is forgotten first. */
export function recordDenials(tell: (denial: Denial) => void): Denials {
  const known = new Map<string, Denial>()
  const add: Denials['add'] = (denial, times = 1) => {
    const { container, host, port, reason } = denial
    const key = [container, host, port, reason].join(' ')
    const before = known.get(key)
    const now = { ...denial, time: before?.time ?? new Date(), count: (before?.count ?? 0) + times }
    known.delete(key)
    known.set(key, now)
    const [oldest] = known.keys()
    if (known.size > MOST && oldest !== undefined) known.delete(oldest)
    // What it throws must not end what is going on here, such as the closing of a socket.
    if (before === undefined) queueMicrotask(() => tell(now))
  }
  return { add, list: () => [...known.values()] }
}
