/** What Node has without an import, and the engine has not. The first module that is loaded. */
import { addImmediate, addTimer, type LoopTimer, removeTimer } from './event-loop.js'
import { host } from './host.js'
import { Buffer } from './node-buffer.js'
import { crypto } from './node-crypto.js'
import { AbortController, AbortSignal } from './node-events.js'
import { process } from './node-process.js'

class TextEncoder {
  encode(text: string): Uint8Array {
    return host.encode(text)
  }
}

interface DecoderOptions {
  readonly fatal?: boolean
  readonly ignoreBOM?: boolean
}

const BOM = '\ufeff'

class TextDecoder {
  readonly #options: DecoderOptions
  constructor(_label = 'utf-8', options: DecoderOptions = {}) {
    this.#options = options
  }
  decode(bytes: Uint8Array): string {
    const text = host.decode(bytes, this.#options.fatal === true)
    if (text === null) throw new TypeError('The encoded data was not valid for encoding utf-8')
    return this.#options.ignoreBOM !== true && text.startsWith(BOM) ? text.slice(1) : text
  }
}

/** Of a file, which is all that is asked for. */
class Url {
  readonly pathname: string
  constructor(path: string, base = '') {
    this.pathname = `${base}${path}`
  }
}

const setTimeout = (run: (...args: unknown[]) => void, milliseconds = 0, ...args: unknown[]): LoopTimer =>
  addTimer(milliseconds, () => run(...args))
const setImmediate = (run: (...args: unknown[]) => void, ...args: unknown[]): void => addImmediate(() => run(...args))
const clearTimeout = removeTimer

const added = { Buffer, process, crypto, AbortController, AbortSignal, TextEncoder, TextDecoder }
Object.assign(globalThis, added, { URL: Url, setTimeout, setImmediate, clearTimeout })
// The states of all that are made when the executable is built would be the same in every process.
Math.random = () => {
  throw new Error('Math.random is not for a program that begins with a copy of its memory')
}
