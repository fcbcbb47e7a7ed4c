/** What happens in a directory of a sandbox, as an async iterator. */
import { SystemError } from '../errors.js'
import { abortOf } from '../sys/abort.js'
import type { RootedWatch, Tell } from '../sys/rooted-streams.js'

export interface FileChange {
  /** `appeared` and `gone`: a name; `changed`: what is in the file, or its attributes. */
  readonly type: 'appeared' | 'gone' | 'changed'
  readonly path: string
}

export interface WatchFilesOptions {
  readonly signal?: AbortSignal
}

interface Watching {
  /** What is watched. */
  readonly path: string
  readonly open: (tell: Tell, failed: (error: Error) => void) => RootedWatch
  readonly exists: (path: string) => Promise<boolean>
  readonly signal: AbortSignal | undefined
}

/**
 * So many names may have changed since somebody looked, and so much may be told in one turn of the event loop (libuv reads as long as there is more): then it
 * is an error, and nothing is watched any more.
 */
const MOST = 10_000

/**
 * Watches from the first step on. Changes of one name are told once for all that happens until the next step. @throws the reason of `signal`; {SystemError}
 * ENOBUFS if nobody has looked for 10,000 names, or a program changes things faster than they can be told
 */
export async function* fileChanges({ path, open, exists, signal }: Watching): AsyncGenerator<FileChange, void> {
  signal?.throwIfAborted()
  const news = collectNews(path, () => watched.close())
  const watched = open(news.add, news.fail)
  const cancelled = abortOf(signal)
  const typeOf = async (kind: 'rename' | 'change', changed: string): Promise<FileChange['type']> =>
    kind === 'change' ? 'changed' : (await exists(changed)) ? 'appeared' : 'gone'
  try {
    for (;;) {
      await Promise.race([news.come(), cancelled.promise])
      for (const [name, kind] of news.take()) {
        const changed = watched.isDirectory && name !== '' ? `${path === '/' ? '' : path}/${name}` : path
        yield { type: await typeOf(kind, changed), path: changed }
        signal?.throwIfAborted()
      }
    }
  } finally {
    cancelled.stop()
    watched.close()
  }
}

interface News {
  readonly add: Tell
  readonly fail: (error: Error) => void
  /** Resolves when there are some. */
  come(): Promise<void>
  /** Those that are there, one after the other. */
  take(): Generator<[name: string, kind: 'rename' | 'change'], void>
}

function collectNews(path: string, stop: () => void): News {
  const news = new Map<string, 'rename' | 'change'>()
  let failure: Error | null = null
  let told = 0
  let wake = (): void => {}
  const fail = (error: Error): void => {
    if (failure === null) stop()
    failure ??= error
    wake()
  }
  const count = (): void => {
    if (told++ === 0) setImmediate(() => (told = 0))
    if (told > MOST || news.size > MOST) fail(tooMany(path))
  }
  return {
    fail,
    add: (kind, name) => {
      const key = name ?? ''
      if (kind === 'rename' || !news.has(key)) news.set(key, kind)
      count()
      wake()
    },
    come: async () => {
      const next = new Promise<void>(resolve => {
        wake = resolve
      })
      if (news.size === 0 && failure === null) await next
      if (failure !== null) throw failure
    },
    *take() {
      for (const [name, kind] of [...news]) {
        news.delete(name)
        yield [name, kind]
      }
    },
  }
}

const tooMany = (path: string): SystemError =>
  new SystemError(
    { syscall: 'inotify', errno: 'ENOBUFS', path },
    { hint: `more than ${MOST} changes, and nobody could look` },
  )
