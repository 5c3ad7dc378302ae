// Loaded before a program (NODE_OPTIONS=--import=…): its time of day is off by SHIFT_MS, as on a host whose clock nobody sets. Steady clocks go on as they are.
const shiftMs = Number(process.env.SHIFT_MS);
const RealDate = Date;

globalThis.Date = class extends RealDate {
  constructor(...given) {
    super(...(given.length === 0 ? [RealDate.now() + shiftMs] : given));
  }

  static now() {
    return RealDate.now() + shiftMs;
  }
};
