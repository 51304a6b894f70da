package mongo

// ErrOvertaken is what is said of a swap of which it is not known whether it held.
var ErrOvertaken = errOvertaken

// After is for tests of the plans.
var After = after
