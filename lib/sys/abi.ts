// Made by scripts/native.mjs, of the declarations in native/sys.
export const ABI = 537839385
