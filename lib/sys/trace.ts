import { createRequire } from 'node:module'
import { nativeDirectory } from './native-directory.js'

export type Trace = (format: string, ...values: unknown[]) => void

/**
 * A tracer for `DEBUG=tsrun:NAMESPACE`. The `debug` package is loaded only if DEBUG asks for something,
 * since loading it costs more than a whole `tsrun state` may; and the environment is read with the first call, which may be in
 * another process than this was loaded in (lib/quickjs).
 */
export function trace(namespace: string): Trace {
  let tracer: Trace | null = null
  return (format, ...values) => {
    tracer ??= open(namespace)
    tracer(format, ...values)
  }
}

function open(namespace: string): Trace {
  if (!(process.env.DEBUG ?? '').includes('tsrun')) return () => {}
  const debug = createRequire(`${nativeDirectory() ?? ''}/`)('debug') as (namespace: string) => Trace
  return debug(`tsrun:${namespace}`)
}
