/** The part of Node's EventEmitter, EventTarget and AbortController that lib uses. */
type Listener = (...args: never[]) => void

export class Emitter {
  readonly #listeners = new Map<string, { readonly call: Listener; readonly isOnce: boolean }[]>()

  on(event: string, call: Listener): this {
    return this.#add(event, call, false)
  }

  once(event: string, call: Listener): this {
    return this.#add(event, call, true)
  }

  #add(event: string, call: Listener, isOnce: boolean): this {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), { call, isOnce }])
    return this
  }

  off(event: string, call: Listener): this {
    const left = (this.#listeners.get(event) ?? []).filter(listener => listener.call !== call)
    this.#listeners.set(event, left)
    return this
  }

  listenerCount(event: string): number {
    return this.#listeners.get(event)?.length ?? 0
  }

  /** @throws an error that nobody listens for */
  emit(event: string, ...args: unknown[]): boolean {
    const listeners = this.#listeners.get(event) ?? []
    if (listeners.length === 0 && event === 'error') throw args[0]
    for (const { call, isOnce } of listeners) {
      if (isOnce) this.off(event, call)
      call.apply(this, args as never[])
    }
    return listeners.length > 0
  }
}

interface ListenOptions {
  readonly once?: boolean
}

/** Events of type `abort` only. */
class Signal {
  readonly #emitter = new Emitter()
  aborted = false
  reason: unknown

  addEventListener(event: string, call: Listener, { once = false }: ListenOptions = {}): void {
    this.#emitter.off(event, call)
    if (once) this.#emitter.once(event, call)
    else this.#emitter.on(event, call)
  }

  removeEventListener(event: string, call: Listener): void {
    this.#emitter.off(event, call)
  }

  throwIfAborted(): void {
    if (this.aborted) throw this.reason
  }

  /** Of its controller. */
  end(reason: unknown): void {
    if (this.aborted) return
    this.aborted = true
    this.reason = reason
    this.#emitter.emit('abort', { type: 'abort', target: this })
  }
}

class Controller {
  readonly signal = new Signal()
  abort(reason: unknown = new DOMException('This operation was aborted', 'AbortError')): void {
    this.signal.end(reason)
  }
}

declare const DOMException: new (message: string, name: string) => Error

export { Controller as AbortController, Signal as AbortSignal }
