package store

// Copyable tells whether Copy knows the documents of a collection.
func Copyable(collection string) bool { return documentOf[collection] != nil }
