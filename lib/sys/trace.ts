import { createRequire } from 'node:module'
import { nativeDirectory } from './native-directory.js'

export type Trace = (format: string, ...values: unknown[]) => void

/**
 * A tracer for `DEBUG=tsrun:NAMESPACE`. The `debug` package is loaded only if DEBUG asks for something,
 * since loading it costs more than a whole `tsrun state` may.
 */
export function trace(namespace: string): Trace {
  if (!(process.env.DEBUG ?? '').includes('tsrun')) return () => {}
  const debug = createRequire(`${nativeDirectory() ?? ''}/`)('debug') as (namespace: string) => Trace
  return debug(`tsrun:${namespace}`)
}
