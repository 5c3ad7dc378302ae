// How much each back end may hold, as figures alone: planning reads them in processes that touch no tensors.

/** Live tensor bytes above which the wasm back end refuses; the rest of its 4 GiB heap is for packed weights and holes. */
export const WASM_LIMIT_BYTES = 3 * 1024 ** 3;

/** What is taken for the memory of a graphics card that does not tell: what a common one has. */
export const UNKNOWN_CARD_BYTES = 16 * 1024 ** 3;

/** Of a card's memory, what tensors may take; the rest is for the driver, the kernels and holes. */
export const SHARE_OF_CARD = 0.9;

/** Of the machine's memory, what the live tensors of the native back end may take; the rest is for the operating system and everything else. */
export const NATIVE_SHARE_OF_MEMORY = 0.8;
