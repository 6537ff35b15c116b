//! What the whole cluster holds, reduced to raw counts: a compact store fed by lists and watches.
