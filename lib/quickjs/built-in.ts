/** In place of lib/sys/native-part.ts: the native parts are in the executable. */
import { host } from './host.js'

/** Only for messages. */
export const nativePart = (name: string): string => name

/** @throws for the writer of layers, which belongs to the form of tsrun that runs on Node */
export function partBytes(name: string): Uint8Array {
  if (name === 'tsrun-init') return host.helper()
  throw new Error(`${name} is not in the standalone executable`)
}
