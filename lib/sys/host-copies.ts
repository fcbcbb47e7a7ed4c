/** Files of this machine that are copied into a container or are made by copying out of one: nothing that is there is written to. */
import { constants } from 'node:fs'
import { lstat, mkdir, open, readdir, stat } from 'node:fs/promises'
import { later, type RootedStatus, statusFrom } from './rooted.js'

/** Of what a link leads to. */
export const hostStatus = (path: string): Promise<RootedStatus> =>
  later({ path }, async () => statusFrom(await stat(path)))

/** What is in a directory; links are not followed. */
export async function hostEntries(path: string): Promise<(RootedStatus & { readonly name: string })[]> {
  const names = await later({ path }, () => readdir(path))
  const entries: (RootedStatus & { readonly name: string })[] = []
  for (const name of names) {
    const inner = `${path}/${name}`
    entries.push({ name, ...(await later({ path: inner }, async () => statusFrom(await lstat(inner)))) })
  }
  return entries
}

/** @throws {SystemError} EEXIST */
export const makeHostDirectory = (path: string): Promise<unknown> => later({ path }, () => mkdir(path, { mode: 0o755 }))

/** A new file. @throws {SystemError} EEXIST; what `chunks` throws, then what has come by then stays */
export async function writeHostFile(path: string, mode: number, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
  const file = await later({ path }, () => open(path, flags, mode))
  try {
    for await (const chunk of chunks) await later({ path }, () => file.writeFile(chunk))
  } finally {
    await file.close()
  }
}

/** What a plain file has. */
export async function* readHostFile(path: string): AsyncGenerator<Uint8Array, void> {
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW
  const file = await later({ path }, () => open(path, flags))
  yield* file.createReadStream() as AsyncIterable<Uint8Array>
}
