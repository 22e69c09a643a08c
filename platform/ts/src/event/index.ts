/** CloudEvents 1.0: attributes, ids, and their mapping to the headers of Kafka and NATS. */
export { type Binding, headersOf, type Mode, modeOf, parse, type Parsed } from "./binding.js";
export { avroContentType, CloudEventError, type Envelope, type Extensions, type Header, validate } from "./envelope.js";
export { newEventId } from "./id.js";
export { percentDecode, percentEncode } from "./percent.js";
