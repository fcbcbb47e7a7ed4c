/** What the C part of the executable (native/standalone) gives to the modules in this folder. Each function returns a result >= 0 or -errno. */
export interface EngineHost {
  readonly engine: string
  readonly architecture: string
  readonly fileConstants: Readonly<Record<string, number>>
  /** The functions of native/sys and of libseccomp. */
  readonly calls: Readonly<Record<string, (...args: unknown[]) => number>>
  /** Hears of rejections: that nobody handles one, and later perhaps that somebody does. */
  rejected: (promise: object, reason: unknown, isHandled: boolean) => void

  open(path: string, flags: number, mode: number): number
  close(fd: number): number
  read(fd: number, bytes: Uint8Array, position: number): number
  write(fd: number, bytes: Uint8Array): number
  status(target: string | number, follow: number, fields: Uint8Array): number
  /** Names and types, one after the other. */
  list(path: string): number | readonly (string | number)[]
  mkdir(path: string, mode: number): number
  rmdir(path: string): number
  unlink(path: string): number
  chmod(path: string, mode: number): number
  lchown(path: string, uid: number, gid: number): number
  rename(from: string, to: string): number
  access(path: string, mode: number): number
  fileSystem(path: string): number
  readLink(path: string): number | string
  realPath(path: string): number | string
  setBlocking(fd: number, isBlocking: number): number

  arguments(): readonly string[]
  environment(): readonly string[]
  workingDirectory(): number | string
  pid(): number
  parent(): number
  user(): number
  group(): number
  exit(status: number): never
  clock(clock: number): readonly [seconds: number, nanoseconds: number]
  kernelRelease(): string
  processors(): number
  random(bytes: Uint8Array): number
  isTerminal(fd: number): boolean
  terminalSize(fd: number): number | readonly [rows: number, columns: number]
  openFileLimit(): number
  start(file: string, words: readonly string[], stdin: number, stdout: number, stderr: number): number
  wait(pid: number): number
  helper(): Uint8Array

  encode(text: string): Uint8Array<ArrayBuffer>
  encodeInto(text: string, bytes: Uint8Array): number
  encodedLength(text: string): number
  /** null: `isStrict`, and it is no UTF-8. */
  decode(bytes: Uint8Array, isStrict: boolean): string | null
  sha256(bytes: Uint8Array): Uint8Array

  poll(descriptors: Uint8Array, milliseconds: number): number
  openSignals(): number
  catchSignal(signal: number, isCaught: number): number
}

export const host = (globalThis as unknown as { readonly tsrunHost: EngineHost }).tsrunHost
