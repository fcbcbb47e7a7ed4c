/** What is told while images come and go. */

/** `digest` is that of a blob, as it is stored; of a layer it is the one that the manifest names. */
export type ImageProgress =
  | {
      readonly type: 'resolved'
      readonly image: string
      readonly digest: string
      readonly layers: readonly { readonly digest: string; readonly size: number }[]
    }
  /** `done` of `total` bytes are here (or there, when something is pushed). */
  | { readonly type: 'transfer'; readonly digest: string; readonly done: number; readonly total: number }
  /** `exists`: nothing had to be moved; `mounted`: the registry had it in another repository. */
  | { readonly type: 'transferred'; readonly digest: string; readonly how: 'moved' | 'exists' | 'mounted' }
  | { readonly type: 'unpacking'; readonly digest: string }
  /** `squashed`: its files belong to this user, since no others can be given. */
  | {
      readonly type: 'unpacked'
      readonly digest: string
      readonly how: 'written' | 'exists'
      readonly squashed: boolean
    }

export type OnProgress = (event: ImageProgress) => void
