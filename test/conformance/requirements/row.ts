/** A test: its file below `test`, and its title. A title that begins with a colon begins with the section's anchor. */
export type Shown = readonly [file: string, title: string]

/** One sentence of the specification, in our words. */
export interface Row {
  readonly word: 'MUST' | 'SHOULD'
  readonly says: string
  /** The tests that show it; in titles that are made of parts, each part that varies is `…`. */
  readonly shown: readonly Shown[]
  /** Why it is done in part only: what the kernel has not. */
  readonly partly?: string
  /** It is done, but no machine of the tests has what it is about: how it is shown all the same. */
  readonly simulated?: string
  /** Why it is not done. */
  readonly not?: string
}

/** What the specification says under one of its headings. */
export interface Section {
  /** Such as `config.md#mounts`. */
  readonly anchor: string
  readonly rows: readonly Row[]
}

/** What the specification leaves to the runtime, and somebody may not expect. */
export interface Choice {
  /** The section that it is about. */
  readonly anchor: string
  readonly says: string
  readonly why: string
  readonly shown: readonly Shown[]
}
