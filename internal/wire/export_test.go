package wire

// EachInstanceWithin is EachInstance with windows of another size.
var EachInstanceWithin = eachInstance
