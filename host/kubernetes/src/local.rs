//! What an ordinary node asks of the API server: its own Node, Services, and the owners of Jobs.
