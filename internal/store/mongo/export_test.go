package mongo

// ErrOvertaken is what is said of a swap of which it is not known whether it held.
var ErrOvertaken = errOvertaken
