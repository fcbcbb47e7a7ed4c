import { Failure } from './failure.js'

export interface CniFields {
  /** Of the configuration. */
  readonly network: string
  /** Its type, such as `bridge`. */
  readonly plugin: string
  /** `ADD` or `DEL`. */
  readonly command: string
  /** The code of the plugin (Container Network Interface, section 5); null: it gave none. */
  readonly number: number | null
  /** What the plugin says in addition; "" if nothing. */
  readonly details: string
}

/** A plugin of a network (CNI) failed. What the plugins before it had made has been removed, unless the cause says otherwise. */
export class CniError extends Failure<'ERR_NETWORK_CNI', CniFields> {
  declare readonly network: string
  declare readonly plugin: string
  declare readonly command: string
  declare readonly number: number | null
  declare readonly details: string
  constructor(message: string, fields: CniFields, options: { cause?: unknown } = {}) {
    const { network, plugin, command } = fields
    super(
      'CniError',
      'ERR_NETWORK_CNI',
      `network ${network}, ${command} of ${plugin}: ${message}`,
      fields,
      options.cause,
    )
  }
}
